import type { Context } from 'hono'
import { connectionOf, type DirectOutgoing } from '../identity/peer.ts'
import type { RequestTrace } from '../tracing/tracing.ts'
import type { Actor } from '../identity/authorize.ts'
import type { Core } from './core.ts'
import type { DirectAnswers } from './direct-answers.ts'

/** One request and its answer, for the log and for errors. Holds nothing that a client sent but the path. */
export class Exchange {
  readonly requestId: string
  readonly method: string
  /** The route's template: it has no ids in it. */
  readonly route: string
  readonly path: string
  readonly startedAt: number = performance.now()
  /** Header fields that every answer to this request carries. */
  readonly fields: Record<string, string>
  scopeId: string | undefined
  /** Who asks, once that is known: for the audit log alone. */
  actor: Actor | undefined
  /** Whether the audit log has its beginning. */
  audited = false
  trace: RequestTrace | undefined
  runId: string | undefined
  closeCode: number | undefined
  /** Whether the answer goes on after it was handed out: its duration is none of an answer's. */
  streamed = false
  /** Where the listener writes answers itself: what makes them. */
  readonly direct: DirectAnswers | undefined
  readonly #request: Request
  /** The connection's end of it, where it is known. */
  readonly #outgoing: DirectOutgoing | undefined

  constructor({ req, env }: Context, route: string, requestId: string) {
    const { raw, method, path } = req
    this.#request = raw
    const connection = connectionOf(env)
    this.#outgoing = connection?.outgoing
    this.direct = connection?.direct
    this.method = method
    this.path = path
    this.route = route
    this.requestId = requestId
    this.fields = { 'x-request-id': requestId }
  }

  /** Aborts when the client leaves. Made when it is asked for: on Node it costs more than a scope. */
  get signal(): AbortSignal {
    return this.#request.signal
  }

  /** Whether the client has left. */
  get left(): boolean {
    const outgoing = this.#outgoing
    if (outgoing === undefined) return this.signal.aborted
    return outgoing.destroyed && !outgoing.writableFinished
  }

  /** Calls `listener` when the client leaves, at once where it has. Returns how to stop. Without a signal where that can be. */
  onLeave(listener: () => void): () => void {
    if (this.left) {
      listener()
      return nothing
    }
    const outgoing = this.#outgoing
    if (outgoing === undefined) {
      const { signal } = this
      signal.addEventListener('abort', listener, { once: true })
      return () => signal.removeEventListener('abort', listener)
    }
    // The answer's own end of the connection: the listener goes with it.
    outgoing.on('close', () => {
      if (this.left) listener()
    })
    return nothing
  }
}

export function openExchange(hono: Context, route: string): Exchange {
  return new Exchange(hono, route, requestIdOf(hono))
}

const acceptable = /^[\w=-]{1,128}$/

/** The host's id if it has one, else the client's if it is harmless, else a new one. Never a key to anything. */
function requestIdOf(hono: Context): string {
  const fromHost: unknown = hono.get('requestId')
  if (typeof fromHost === 'string' && acceptable.test(fromHost)) return fromHost
  const fromClient = hono.req.header('x-request-id')
  if (fromClient !== undefined && acceptable.test(fromClient)) return fromClient
  return globalThis.crypto.randomUUID()
}

/** One line a request, when its answer has ended. An allow-list: no header, query, body or token. */
export function logExchange(core: Core, exchange: Exchange, status: number): void {
  exchange.trace?.end(status)
  if (core.observe === undefined && core.logger === undefined) return
  const durationMs = performance.now() - exchange.startedAt
  core.observe?.(exchange, status, durationMs / 1_000)
  if (core.logger === undefined) return
  const { requestId, method, route, path, left, scopeId, runId, closeCode } = exchange
  core.logger.info(
    {
      requestId,
      method,
      route,
      path,
      status,
      durationMs: Math.round(durationMs * 10) / 10,
      ...(scopeId === undefined ? {} : { scopeId }),
      ...(runId === undefined ? {} : { runId }),
      ...(closeCode === undefined ? {} : { closeCode }),
      ...(left ? { aborted: true } : {}),
    },
    'request',
  )
}

/** What operators learn of a failure. The message stays out: it may quote what a user sent. */
export function logFailure(core: Core, exchange: Exchange, error: unknown): void {
  const { requestId, method, route, scopeId } = exchange
  const known = error instanceof Error ? error : undefined
  core.logger?.error(
    {
      requestId,
      method,
      route,
      scopeId,
      errorName: known?.name ?? typeof error,
      errorCode: codeOf(error),
      stack: known?.stack?.split('\n').filter((line) => /^\s+at /.test(line)),
    },
    'request failed',
  )
  core.onError?.(error, { requestId })
}

const nothing = (): void => undefined

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[\w-]{1,64}$/.test(error.code) ? error.code : undefined
}
