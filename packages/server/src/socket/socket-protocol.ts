import type { Call } from '../handler/route.ts'
import type { Problem } from '../problems/problem.ts'
import type { SocketPort } from './socket-port.ts'

/** Something that goes on for a while, and that the client has a name for. */
export interface SocketWork {
  readonly id: string
  readonly label: string
  /** Whether it begins a run, which is counted as one. */
  readonly startsRun: boolean
  /** Does it, in a scope of its own. The signal says that nobody waits any more; its reason is `stopped` where the client said so. */
  perform(call: Call, port: SocketPort, signal: AbortSignal): Promise<void>
}

/** What a frame asks for: an answer at once, that a request stops, or work. */
export type SocketOrder = { readonly reply: object } | { readonly stop: string } | SocketWork

/** What is spoken over a socket. */
export interface SocketProtocol {
  /** What is said first. */
  greeting(connectionId: string): object | undefined
  /** The client's name for the request that a frame belongs to, where it has one. */
  idOf(frame: unknown): string | undefined
  /** Throws a `Problem` for what is no frame. */
  read(frame: unknown): SocketOrder
  refusal(id: string | undefined, problem: Problem): object
}

/** The reason of a request that its client has stopped. */
export const stopped: unique symbol = Symbol('stopped by its client')
