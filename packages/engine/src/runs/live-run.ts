import { EngineError } from '../errors/engine-error.ts'
import type { CancelReason, UnnumberedEvent } from '../events/agent-event.ts'
import type { ExecutionContext } from '../instances/execution-context.ts'
import type { RunHandle } from './run-handle.ts'
import type { Ticket } from '../scheduling/place.ts'
import type { RunTally } from '../statistics/run-statistics.ts'

const sentences: Record<CancelReason, string> = {
  caller: 'The run was cancelled.',
  disconnect: 'The run was cancelled because its client left.',
  shutdown: 'The run was cancelled because the server is shutting down.',
  replaced: 'The run was cancelled because a newer one of its thread replaced it.',
}

/** A run that has not ended, and how to end it. */
export class LiveRun {
  readonly runId: string
  readonly agent: string
  readonly ticket: Ticket
  #abortion: { readonly reason: unknown } | undefined
  readonly #abortListeners = new Set<(reason: unknown) => void>()
  #ended = false
  readonly #endListeners: (() => void)[] = []
  #reason: CancelReason | undefined
  #closing = false
  #position: number | undefined
  /** Set when the run's root scope is open. */
  context: ExecutionContext | undefined
  /** Set when the agent begins. */
  started = false
  /** Set when its root scope is being opened: what `start` gives its caller. */
  handle: Promise<RunHandle> | undefined
  /** Whether its terminal event is. */
  endStored = false
  /** Set where it was taken from a queue and an earlier attempt has begun: which attempt this one is. */
  restartedAs: number | undefined
  /** Its end, where the store did not take it. */
  lostEnd: readonly UnnumberedEvent[] | undefined
  /** Where it is counted. */
  tally: RunTally | undefined

  /** Asks for a slot with the run's own listener for its place in the queue. Throws what `enter` throws. */
  constructor(
    runId: string,
    agent: string,
    enter: (onPosition: (position: number) => void) => Ticket,
  ) {
    this.runId = runId
    this.agent = agent
    this.ticket = enter((position) => {
      this.#position = position
      this.showPosition()
    })
  }

  /** Resolves when the terminal event is stored. Never rejects. */
  get ended(): Promise<void> {
    return new Promise((resolve) => this.onEnd(resolve))
  }

  /** Calls the listener when the run is over, in whatever scope: it must only take note. At once where it is. */
  onEnd(listener: () => void): void {
    if (this.#ended) listener()
    else this.#endListeners.push(listener)
  }

  /** That the run was cancelled, or its root scope aborted, and why. */
  get abortion(): { readonly reason: unknown } | undefined {
    return this.#abortion
  }

  /** Tells the listener when the run is to end, in whatever scope. Returns how to take it back. */
  onAbort(listener: (reason: unknown) => void): () => void {
    this.#abortListeners.add(listener)
    return () => {
      this.#abortListeners.delete(listener)
    }
  }

  get cancelled(): CancelReason | undefined {
    return this.#reason
  }

  /** The first reason stands; once the agent's work is over there is nothing left to cancel. */
  cancel(reason: CancelReason): void {
    if (this.#closing || this.#abortion !== undefined) return
    this.#reason = reason
    this.#abort(new EngineError('CANCELLED', sentences[reason]))
  }

  /** Ends the run because its root scope has to: its owner was revoked. */
  interrupt(reason: unknown): void {
    if (!this.#closing) this.#abort(reason)
  }

  #abort(reason: unknown): void {
    if (this.#abortion !== undefined) return
    this.#abortion = { reason }
    this.ticket.withdraw(reason)
    for (const listener of this.#abortListeners) listener(reason)
  }

  /** Cancels the run when the signal aborts: its client has left. */
  cancelWith(signal: AbortSignal): void {
    const cancel = (): void => this.cancel('disconnect')
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
    this.onEnd(() => signal.removeEventListener('abort', cancel))
  }

  /** Tells whoever watches where the run stands, while it waits. */
  showPosition(): void {
    if (this.started || this.#position === undefined) return
    const data = { position: this.#position }
    this.context?.sink.show({ type: 'queue_position', agent: this.agent, data })
  }

  /** The agent's work is over, and its outcome stands. */
  beginEnding(): void {
    this.#closing = true
  }

  /** It never came to be: gives back its place and its slot. */
  abandon(error: unknown): void {
    this.tally?.abandoned()
    this.ticket.withdraw(error)
    this.ticket.release()
    this.finish()
  }

  finish(): void {
    this.#ended = true
    for (const listener of this.#endListeners.splice(0)) listener()
  }
}
