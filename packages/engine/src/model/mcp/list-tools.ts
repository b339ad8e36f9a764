import * as z from 'zod'
import { sizeOf } from '../../internal/size-of.ts'
import type { McpClient, McpToolListing } from './mcp-client.ts'

const mostPages = 64
const mostTools = 1_000
/** They are kept for each owner, and told to the model at each step. */
const mostBytes = 1_048_576

const listing = z.object({
  name: z.string().min(1).max(256),
  description: z.string().optional(),
  inputSchema: z.record(z.string(), z.unknown()),
  outputSchema: z.record(z.string(), z.unknown()).optional(),
})
const page = z.object({ tools: z.array(listing), nextCursor: z.string().optional() })

/** What a server lists, as far as it is wanted. Throws for what is none, for more than a model could use, and for no end. */
export async function listTools(
  client: McpClient,
  signal: AbortSignal,
  isWanted: (name: string) => boolean,
): Promise<readonly McpToolListing[]> {
  const listings: McpToolListing[] = []
  let cursor: string | undefined
  let bytes = 0
  for (let pages = 0; pages < mostPages; pages += 1) {
    const params = cursor === undefined ? undefined : { cursor }
    const { tools, nextCursor } = page.parse(await client.listTools(params, { signal }))
    for (const tool of tools) {
      if (!isWanted(tool.name)) continue
      listings.push(tool)
      bytes += sizeOf(tool, mostBytes)
      if (listings.length > mostTools || bytes > mostBytes) throw tooMuch()
    }
    if (nextCursor === undefined) return listings
    cursor = nextCursor
  }
  throw new Error(`The server has more than ${mostPages} pages of tools`)
}

function tooMuch(): Error {
  return new Error(
    `The server lists more than ${mostTools} tools, or more than ${mostBytes} bytes of them. Name those that you want in \`only\`.`,
  )
}
