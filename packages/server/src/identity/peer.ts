import { DirectAnswers } from '../handler/direct-answers.ts'
import type { Peer } from './identity.ts'

/** The peer of a request on Node, where the adapter passes the connection in `env`. Elsewhere unknown. */
export function peerOf(env: unknown): Peer {
  const value = read(read(read(env, 'incoming'), 'socket'), 'remoteAddress')
  return { address: typeof value === 'string' ? value : undefined }
}

/** Whether a request on Node came over HTTP/2, where a field of the connection in an answer ends the process. */
export function isHttp2(env: unknown): boolean {
  const version = read(read(env, 'incoming'), 'httpVersionMajor')
  return typeof version === 'number' && version >= 2
}

/** How to cut the connection of a request that nobody reads from: only Node's adapter gives a way. */
export function cutterOf(env: unknown): () => void {
  const outgoing = read(env, 'outgoing')
  const destroy = read(outgoing, 'destroy')
  return () => {
    if (typeof destroy === 'function') Reflect.apply(destroy, outgoing, [])
  }
}

/** The connection's end of an answer on Node, as far as it is looked at. */
export interface DirectOutgoing {
  readonly destroyed: boolean
  readonly writableFinished: boolean
  on(event: 'close', listener: () => void): unknown
}

/** A connection to which its listener writes answers itself. */
export interface DirectConnection {
  readonly outgoing: DirectOutgoing
  readonly direct: DirectAnswers
}

/** The connection of a request, where its listener writes to it itself: only that of `createServer` does. */
export function connectionOf(env: unknown): DirectConnection | undefined {
  const direct = read(env, 'direct')
  if (!(direct instanceof DirectAnswers)) return undefined
  const outgoing = read(env, 'outgoing')
  return isOutgoing(outgoing) ? { outgoing, direct } : undefined
}

/** What a host gets of `env`: it may have something between an answer and the connection. */
export function indirect(env: unknown): unknown {
  return connectionOf(env) === undefined ? env : { ...Object(env), direct: undefined }
}

function isOutgoing(value: unknown): value is DirectOutgoing {
  return typeof value === 'object' && value !== null && 'writableFinished' in value
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
