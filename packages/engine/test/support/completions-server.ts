import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CompletionRequest {
  readonly body: { readonly messages: readonly unknown[]; readonly tools?: readonly unknown[] }
  readonly authorization: string | undefined
  /** How many requests came before it. */
  readonly index: number
}

export type Respond = (response: ServerResponse, request: CompletionRequest) => void | Promise<void>

/** An endpoint of chat completions on a real socket, which answers as the test says. */
export class CompletionsServer implements AsyncDisposable {
  readonly requests: CompletionRequest[] = []
  /** How many requests were broken off by the client. */
  left = 0
  readonly #server

  private constructor(respond: Respond) {
    this.#server = createServer((request, response) => {
      response.on('close', () => {
        if (!response.writableFinished) this.left += 1
      })
      void this.#answer(request, response, respond)
    })
  }

  static async start(respond: Respond): Promise<CompletionsServer> {
    const endpoint = new CompletionsServer(respond)
    endpoint.#server.listen(0, '127.0.0.1')
    await once(endpoint.#server, 'listening')
    return endpoint
  }

  get url(): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    respond: Respond,
  ): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const received: CompletionRequest = {
      body: JSON.parse(text),
      authorization: request.headers.authorization,
      index: this.requests.length,
    }
    this.requests.push(received)
    await respond(response, received)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Begins an answer of events. */
export function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
}

/** One event of an answer. */
export function write(
  response: ServerResponse,
  delta: object,
  finishReason: string | null = null,
  usage?: object,
): void {
  const chunk = {
    id: 'c1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'test-model',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
    ...(usage === undefined ? {} : { usage }),
  }
  response.write(`data: ${JSON.stringify(chunk)}\n\n`)
}

/** A whole answer of text. */
export function say(response: ServerResponse, ...deltas: string[]): void {
  begin(response)
  for (const content of deltas) write(response, { role: 'assistant', content })
  write(response, {}, 'stop', { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
  response.end('data: [DONE]\n\n')
}

/** An answer that asks for a tool, its arguments in two pieces. */
export function ask(response: ServerResponse, name: string, args: string): void {
  begin(response)
  const half = Math.floor(args.length / 2)
  const call = { index: 0, id: 'call_1', type: 'function' }
  write(response, {
    role: 'assistant',
    tool_calls: [{ ...call, function: { name, arguments: args.slice(0, half) } }],
  })
  write(response, { tool_calls: [{ index: 0, function: { arguments: args.slice(half) } }] })
  write(response, {}, 'tool_calls', { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
  response.end('data: [DONE]\n\n')
}
