import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod'

export interface McpCall {
  readonly tool: string
  readonly token: string
  readonly mark: string
}

/** A real MCP server on a socket, which knows its callers by their bearer tokens and tells what they called. */
export class TestMcpServer implements AsyncDisposable {
  readonly calls: McpCall[] = []
  /** Tokens that connected, once for each handshake. */
  readonly handshakes: string[] = []
  /** Tokens that may use it. Undefined: all. */
  allowed: Set<string> | undefined
  aborted = 0
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #handler = createMcpHandler(({ requestInfo }) => this.#instance(tokenOf(requestInfo)))

  static async start(): Promise<TestMcpServer> {
    const server = new TestMcpServer()
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): URL {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`)
  }

  #instance(token: string): McpServer {
    const server = new McpServer({ name: 'notes', version: '1.0.0' })
    const note = (tool: string, mark: string): void => {
      this.calls.push({ tool, token, mark })
    }
    server.registerTool(
      'whoami',
      {
        description: 'Who the credentials belong to.',
        inputSchema: z.object({ mark: z.string() }),
        outputSchema: z.object({ token: z.string(), mark: z.string() }),
      },
      async ({ mark }) => {
        note('whoami', mark)
        const structuredContent = { token, mark }
        return {
          content: [{ type: 'text', text: JSON.stringify(structuredContent) }],
          structuredContent,
        }
      },
    )
    server.registerTool(
      'say.text',
      { inputSchema: z.object({ text: z.string() }) },
      async ({ text }) => ({ content: [{ type: 'text', text }] }),
    )
    server.registerTool('fail', { inputSchema: z.object({}) }, async () => ({
      isError: true,
      content: [{ type: 'text', text: 'There is no such note.' }],
    }))
    server.registerTool('wait', { inputSchema: z.object({}) }, async (_, context) => {
      note('wait', '')
      await new Promise<void>((resolve) => {
        const end = (): void => {
          this.aborted += 1
          resolve()
        }
        context.mcpReq.signal.addEventListener('abort', end, { once: true })
      })
      return { content: [] }
    })
    return server
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const text = Buffer.concat(chunks).toString()
    const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
    if (this.allowed?.has(token) === false) {
      response.writeHead(401).end()
      return
    }
    if (text.includes('"method":"initialize"')) this.handshakes.push(token)
    const controller = new AbortController()
    response.on('close', () => controller.abort())
    const answer = await this.#handler.fetch(
      new Request(new URL(request.url ?? '/', this.url), {
        method: request.method ?? 'GET',
        headers: Object.entries(request.headers).map(([name, value]): [string, string] => [
          name,
          String(value),
        ]),
        signal: controller.signal,
        ...(text === '' ? {} : { body: text }),
      }),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.flushHeaders()
    try {
      for await (const chunk of answer.body ?? []) response.write(chunk)
    } catch {
      // The client has left.
    }
    response.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function tokenOf(request: Request | undefined): string {
  return request?.headers.get('authorization')?.replace('Bearer ', '') ?? ''
}
