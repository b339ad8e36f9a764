import { ApiError, errorOf } from './api-error.ts'

/** A token, or how to get one: called before the first request, and again when the server no longer takes it. */
export type TokenSource = string | (() => string | Promise<string>)

export interface ConnectionOptions {
  /** Where the server's routes stand, such as `https://agents.example` or `/agents`. */
  readonly url: string
  /** Default: none, for a server that knows its users by something else, such as a cookie. */
  readonly token?: TokenSource | undefined
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Requests of one user. Throws an `ApiError` for whatever is no answer of success, and the reason of an abort. */
export class Connection {
  readonly #base: string
  readonly #source: TokenSource | undefined
  readonly #fetch: typeof globalThis.fetch
  #token: Promise<string> | undefined

  constructor({ url, token, fetch = globalThis.fetch }: ConnectionOptions) {
    this.#base = url.replace(/\/+$/, '')
    this.#source = token
    // Browsers want it called as their own.
    this.#fetch = (input, init) => fetch(input, init)
  }

  /** An answer of success. A 401 asks for a new token, once. */
  async request(path: string, options: RequestOptions = {}): Promise<Response> {
    const asked = this.#current()
    const response = await this.#send(path, options, await asked)
    if (response.ok) return response
    const renewable = response.status === 401 && typeof this.#source === 'function'
    if (!renewable) throw await errorOf(response)
    await response.body?.cancel()
    // Of many requests that fail with the old token, one asks for the new one.
    if (this.#token === asked) this.#token = undefined
    const again = await this.#send(path, options, await this.#current())
    if (again.ok) return again
    throw await errorOf(again)
  }

  /** The JSON of an answer. It is the server's word: its shape is not checked again. */
  async json<Body>(path: string, options?: RequestOptions): Promise<Body> {
    const response = await this.request(path, options)
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return (await response.json()) as Body
    } catch (cause) {
      throw failed(options?.signal, 'invalid_answer', 'The answer could not be read.', cause)
    }
  }

  async #send(
    path: string,
    { method = 'GET', body, headers, signal }: RequestOptions,
    token: string | undefined,
  ): Promise<Response> {
    try {
      return await this.#fetch(this.#base + path, {
        method,
        headers: {
          ...headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (cause) {
      throw failed(signal, 'unreachable', 'The server could not be reached.', cause)
    }
  }

  #current(): Promise<string | undefined> {
    const source = this.#source
    if (typeof source !== 'function') return Promise.resolve(source)
    if (this.#token === undefined) {
      const asked = Promise.resolve().then(source)
      this.#token = asked
      // A source that failed is asked again by the next request.
      asked.catch(() => {
        if (this.#token === asked) this.#token = undefined
      })
    }
    return this.#token
  }
}

/** The reason of an abort where there was one, else an `ApiError`. */
function failed(
  signal: AbortSignal | undefined,
  code: 'unreachable' | 'invalid_answer',
  message: string,
  cause: unknown,
): unknown {
  return signal?.aborted === true ? cause : new ApiError({ code, message, cause })
}
