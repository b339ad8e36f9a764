import type { Scope } from '@ringfence/context'
import { isTerminal, type AgentEvent, type Following } from '@ringfence/engine'
import type { Waiting } from '../handler/due-times.ts'
import type { HandlerLimits } from '../handler/limits.ts'
import type { Problem } from '../problems/problem.ts'
import { invalidToken, isRevoked, toProblem } from '../problems/to-problem.ts'
import type { EventEncoding } from './event-encoding.ts'
import type { EventSink } from './event-sink.ts'

export interface EventStreamOptions {
  readonly events: Following
  readonly encoding: EventEncoding
  readonly limits: HandlerLimits
  readonly dueTimes: Waiting
  /** Whose it is: its abort ends the stream. */
  readonly scope: Scope
  /** Epoch milliseconds at which the right to read ends. */
  readonly expiresAt: number | undefined
  /** Cuts a connection that nobody reads from. */
  readonly cut: () => void
  /** Called once, when the stream holds nothing any more. */
  readonly onEnd: () => void
  /** Told of a failure of the events; the stream ends with its problem, and its reader may resume. */
  readonly onFailure: (error: unknown) => void
  /** A problem as its reader gets it. */
  readonly describe: (problem: Problem) => string
}

/**
 * A run's events as text. It takes an event when its reader has room and keeps none: a slow reader costs
 * nothing but its place in the log. Ends after the terminal event, when the reader leaves or does not read, and
 * when its right to read runs out. It never fails: an adapter would write that to the console.
 *
 * Made in the scope of the stream, it takes events there, whoever opens it.
 */
export class EventStream {
  /** When the stream holds nothing any more. Never rejects. */
  readonly ended: Promise<void>
  readonly #options: EventStreamOptions
  #sink: EventSink | undefined
  #over = false
  #slot = 0
  #begin: () => void = nothing
  #settle: () => void = nothing
  #stopListening: () => void = nothing

  constructor(options: EventStreamOptions) {
    this.#options = options
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
    const opened = new Promise<void>((resolve) => {
      this.#begin = resolve
    })
    void opened.then(() => this.#follow())
    const { scope } = options
    this.#stopListening = scope.onAbort((reason) =>
      this.finish(false, isRevoked(reason) ? invalidToken() : undefined),
    )
    if (!this.#over) this.#arm()
  }

  /** Where it is written to. Once. */
  open(sink: EventSink): void {
    this.#sink = sink
    const { encoding } = this.#options
    if (!this.#over) return void this.#write(encoding.begin)
    void this.#write(encoding.end(false))
    sink.close()
  }

  /** Somebody reads. */
  begin(): void {
    this.#begin()
    this.#begin = nothing
  }

  /** `problem` says why it ends before its run. */
  finish(complete: boolean, problem?: Problem): void {
    if (this.#over) return
    this.#over = true
    const { encoding, events, dueTimes, onEnd, describe } = this.#options
    dueTimes.delete(this.#slot, this)
    this.#stopListening()
    try {
      void this.#write(encoding.end(complete, problem && describe(problem)))
      this.#sink?.close()
    } catch {
      // Its reader has cancelled it, which is an end too.
    }
    events.stop()
    onEnd()
    this.#settle()
  }

  /** In the scope. */
  #follow(): void {
    if (this.#over) return
    this.#options.events.each(this.#take).then(
      () => this.finish(false),
      (error: unknown) => {
        if (!this.#over) this.#options.onFailure(error)
        this.finish(false, toProblem(error))
      },
    )
  }

  /** An event that the protocol has nothing for is none: its reader goes on waiting. */
  readonly #take = (event: AgentEvent): Promise<void> | undefined => {
    if (this.#over) return undefined
    const room = this.#write(this.#options.encoding.encode(event))
    if (!isTerminal(event)) return room
    this.finish(true)
    return undefined
  }

  #write(text: string): Promise<void> | undefined {
    return text === '' ? undefined : this.#sink?.write(text)
  }

  /** It is time to look at it. */
  due(): void {
    if (this.#over) return undefined
    const { limits, expiresAt, cut } = this.#options
    const now = Date.now()
    if (expiresAt !== undefined && now >= expiresAt) return this.finish(false, invalidToken())
    const fullSince = this.#sink?.fullSince
    if (fullSince === undefined) {
      void this.#write(': keep-alive\n\n')
    } else if (now - fullSince >= limits.unreadMs) {
      this.finish(false)
      return cut()
    }
    return this.#arm()
  }

  #arm(): void {
    const { limits, expiresAt = Infinity, dueTimes } = this.#options
    const now = Date.now()
    const fullSince = this.#sink?.fullSince ?? now
    const at = Math.min(now + limits.heartbeatMs, fullSince + limits.unreadMs, expiresAt)
    this.#slot = dueTimes.add(at, this)
  }
}

function nothing(): void {}
