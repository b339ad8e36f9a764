import { assertOwner, own } from '@ringfence/context'
import * as z from 'zod'
import { defineTool } from '../../agents/define-tool.ts'
import { AgentError } from '../../errors/agent-error.ts'
import { EngineError } from '../../errors/engine-error.ts'
import { checkedLimit } from '../../internal/checked-limit.ts'
import { checkedName } from '../../internal/checked-name.ts'
import type { SuppliedTool, ToolSource } from '../model-tool.ts'
import type { McpClient, McpToolListing } from './mcp-client.ts'
import { checkedSchema } from './checked-schema.ts'
import { ConnectPatience } from './connect-patience.ts'
import { listTools } from './list-tools.ts'
import { readMcpResult } from './mcp-result.ts'
import { OwnerConnections } from './owner-connections.ts'

export interface McpToolsOptions {
  /** Names the server, in the names of its tools (`<name>_<tool>`), in errors and in the log. As a tool's name. */
  readonly name: string
  /**
   * Connects the current owner to the server, with that owner's own credentials: called in a scope of theirs, once
   * for each connection. Give up when the signal aborts.
   */
  readonly connect: (signal: AbortSignal) => PromiseLike<McpClient>
  /** False leaves the names of the tools as the server has them. Default true. */
  readonly prefix?: boolean
  /** Only these, by the server's names. Default: all. */
  readonly only?: readonly string[]
  /** Milliseconds that connecting and listing may take. Default 15,000. */
  readonly connectMs?: number
  /** Milliseconds that one call may take. Default: the engine's `toolMs`. */
  readonly timeoutMs?: number
  /** Milliseconds that an owner's connection is kept while no run of theirs uses it. Default 60,000. */
  readonly idleMs?: number
  /** Milliseconds after which an owner is connected anew, and their tools listed anew. Default 600,000. */
  readonly maxAgeMs?: number
  /** How many idle connections are kept, of all owners together. Default 1,000. */
  readonly maxIdle?: number
}

/** Tools of an MCP server, for whoever the current scope belongs to. */
export interface McpTools extends ToolSource {
  /** How many connections are open, of all owners. */
  readonly connections: number
  /** Drops the current owner's connection: their credentials have changed. Runs that use it may go on. */
  forget(): void
  /** Closes all connections, for good: a run that wants one later fails with `MCP_UNAVAILABLE`. For shutdown, after the engine's own `close`. */
  close(): Promise<void>
}

/**
 * Takes tools from an MCP server. Each owner has a connection of their own, made with their own credentials, kept
 * between their runs, closed when it is idle, too old, or its owner is revoked; no owner ever gets another one's.
 * The client is yours (`connect`), so this depends on no version of it.
 *
 * A server that cannot be reached fails the run with `MCP_UNAVAILABLE`, and so does one that lists more than 1,000 tools or
 * 1 MiB of them; one that fails a call is told to the model. Its schemas are checked here, but for their patterns: a
 * regular expression can keep the whole process busy, so that is for the server to check.
 *
 * @example
 * const github = mcpTools({
 *   name: 'github',
 *   connect: async () => {
 *     const client = new Client({ name: 'my-server', version: '1.0.0' })
 *     const requestInit = { headers: { authorization: `Bearer ${users.current().githubToken}` } }
 *     await client.connect(new StreamableHTTPClientTransport(url, { requestInit }))
 *     return client
 *   },
 * })
 * const assistant = modelAgent({ name: 'assistant', model, tools: [github] })
 */
export function mcpTools(options: McpToolsOptions): McpTools {
  const { prefix = true, only, timeoutMs } = options
  const isWanted = (tool: string): boolean => only === undefined || only.includes(tool)
  const name = checkedName('MCP server', options.name)
  const connectMs = checkedLimit('connectMs', options.connectMs ?? 15_000, 1)
  const limits = {
    idleMs: checkedLimit('idleMs', options.idleMs ?? 60_000, 1),
    maxAgeMs: checkedLimit('maxAgeMs', options.maxAgeMs ?? 600_000, 1),
    maxIdle: checkedLimit('maxIdle', options.maxIdle ?? 1_000, 0),
  }
  const connections = new OwnerConnections(`MCP connection ${name}`, limits, async (over) => {
    const patience = new ConnectPatience(over, connectMs)
    try {
      // Whose credentials it carries: nobody else gets to call anything with it (I6).
      const client = own(await patience.wait(options.connect(patience.signal), closeLate))
      const listings = await patience
        .wait(listTools(client, patience.signal, isWanted))
        .catch((error: unknown) => {
          // One that cannot list its tools may not be able to close, either: it is not waited for.
          void Promise.resolve(client.close()).catch(() => undefined)
          throw error
        })
      const value = listings.map((listing) => suppliedTool(listing, client))
      return { value, close: () => client.close() }
    } finally {
      patience.end()
    }
  })

  async function tools(): Promise<readonly SuppliedTool[]> {
    try {
      return await connections.use()
    } catch (cause) {
      throw unavailable(name, cause)
    }
  }

  function suppliedTool(listing: McpToolListing, client: McpClient): SuppliedTool {
    const input = checkedSchema(listing.inputSchema) ?? z.record(z.string(), z.unknown())
    const output =
      listing.outputSchema === undefined ? undefined : checkedSchema(listing.outputSchema)
    const tool = defineTool({
      name: nameOf(listing.name),
      input,
      output: z.unknown(),
      ...(listing.description === undefined ? {} : { description: listing.description }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      run: async (given, { signal }) => {
        assertOwner(client)
        let result: Awaited<ReturnType<McpClient['callTool']>>
        try {
          const params = { name: listing.name, arguments: argumentsOf(given) }
          const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs }
          result = await client.callTool(params, { signal, ...timeout })
        } catch (cause) {
          signal.throwIfAborted()
          if (isAnswer(cause)) throw new AgentError('TOOL_FAILED', cause.message, { cause })
          // Nobody knows what state it is in: the next run connects anew.
          connections.forget()
          throw unavailable(name, cause)
        }
        return readMcpResult(result, listing.name, output)
      },
    })
    return { tool, inputSchema: listing.inputSchema }
  }

  /** Providers take letters, digits, `_` and `-` in the name of a tool. */
  function nameOf(tool: string): string {
    const full = prefix ? `${name}_${tool}` : tool
    return full
      .replaceAll(/[^\w-]/g, '_')
      .replace(/^[_-]+/, '')
      .slice(0, 64)
  }

  return Object.freeze<McpTools>({
    tools,
    get connections() {
      return connections.size
    },
    forget: () => connections.forget(),
    close: () => connections.close(),
  })
}

function closeLate(client: McpClient): PromiseLike<void> {
  return client.close()
}

function argumentsOf(given: unknown): Record<string, unknown> {
  return typeof given === 'object' && given !== null ? { ...given } : {}
}

/** Whether it is the server that refused: a JSON-RPC error has a number for its code. */
function isAnswer(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    error.code <= -32_600
  )
}

function unavailable(name: string, cause: unknown): EngineError {
  return new EngineError(
    'MCP_UNAVAILABLE',
    `The MCP server "${name}" cannot be used at the moment. The reason is in the server's log.`,
    { cause },
  )
}
