import { isObject, type JsonObject, numberAt, objectsAt, textAt } from './event.ts'

/** An answer that is not a success, as the server explained it. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: number
  readonly code: string
  /** Seconds until it makes sense to ask again, where the server said so. */
  readonly retryAfter: number | undefined

  constructor(status: number, code: string, message: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** The server did not answer at all. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'

  constructor() {
    super('The server does not answer. Is it still running?')
  }
}

/** What a request carries beside its method and path. */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Speaks to the server as one user. Nothing but the token says who that is. */
export interface Client {
  readonly userId: string
  /** As `fetch` does, with the user's token. Throws UnreachableError where there is no server. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Sends one request with the user's token and gives back the answer, whatever its status. */
  send(method: string, path: string, options?: RequestOptions): Promise<Response>
  /** Sends one request and reads its JSON. Throws RequestError where the answer is no success. */
  json(method: string, path: string, options?: RequestOptions): Promise<JsonObject>
}

const reach = async (path: string, init: RequestInit): Promise<Response> => {
  try {
    return await fetch(path, init)
  } catch (error) {
    init.signal?.throwIfAborted()
    if (error instanceof TypeError) throw new UnreachableError()
    throw error
  }
}

const readJson = async (response: Response): Promise<JsonObject> => {
  const text = await response.text()
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Says where a request does not fit, as far as the server told. */
export const explainIssues = (problem: JsonObject): string =>
  objectsAt(problem, 'errors')
    .map((issue) => [textAt(issue, 'path'), textAt(issue, 'message')].filter(Boolean).join(': '))
    .join('; ')

/** Says in a sentence what a problem (RFC 9457) answer is about. */
const explain = (response: Response, problem: JsonObject): string => {
  const title = textAt(problem, 'title') || response.statusText || 'Request failed'
  const details = [textAt(problem, 'detail'), explainIssues(problem)].filter(Boolean).join(' ')
  const retryAfter = response.headers.get('retry-after')
  const again = retryAfter === null ? '' : ` Try again in ${retryAfter} s.`
  return `${response.status} ${title}.${details === '' ? '' : ` ${details}`}${again}`
}

/** Throws what the server said where its answer is no success. */
export const requireSuccess = async (response: Response): Promise<Response> => {
  if (response.ok) return response
  const problem = await readJson(response)
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  throw new RequestError(
    response.status,
    textAt(problem, 'code'),
    explain(response, problem),
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  )
}

const marginMs = 30_000
const uncached = { cache: 'no-store' } as const

/** Makes the client of one demo user; it asks for a token when it needs one. */
export const createClient = (userId: string): Client => {
  let held: Promise<{ token: string; expires: number }> | undefined

  const fetchToken = async (): Promise<{ token: string; expires: number }> => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ userId })
    const answer = await reach('/demo/tokens', { method: 'POST', headers, body })
    const json = await readJson(await requireSuccess(answer))
    const expires = numberAt(json, 'expiresAt') ?? Date.parse(textAt(json, 'expiresAt'))
    return { token: textAt(json, 'token'), expires }
  }

  const token = async (): Promise<string> => {
    const known = await held?.catch(() => undefined)
    if (known === undefined || known.expires - marginMs < Date.now()) held = fetchToken()
    const { token: fresh } = await (held ??= fetchToken())
    return fresh
  }

  const sendAs: Client['fetch'] = async (path, init = {}) => {
    const attempt = async (): Promise<Response> => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${await token()}`)
      return reach(path, { ...init, ...uncached, headers })
    }
    const isUsed = held !== undefined
    const answer = await attempt()
    if (answer.status !== 401 || !isUsed) return answer
    // A restarted server signs with another key: what it issued before is worth nothing.
    held = undefined
    return attempt()
  }

  const send: Client['send'] = (method, path, { headers, body, signal } = {}) =>
    sendAs(path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })

  return {
    userId,
    fetch: sendAs,
    send,
    json: async (method, path, options) =>
      readJson(await requireSuccess(await send(method, path, options))),
  }
}
