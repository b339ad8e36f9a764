import { Agent, request } from 'node:http'

/** What came back: the status, and headers and body as they were received. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

export interface PlainRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** Sends requests over connections that are kept, and looks at nothing: for many requests. */
export class PlainClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  send({ method, path, headers, body }: PlainRequest): Promise<PlainAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => {
            text += part
          })
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, body: text }),
          )
          response.once('error', reject)
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
