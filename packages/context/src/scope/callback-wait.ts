import type { ScopeState, Waiting } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { settle, type Outcome } from './close.ts'
import { reportOrphan } from './orphan.ts'
import type { Settlement } from './settlement.ts'

/**
 * Waits for the callback of a scope. An aborted scope ends without its callback if that one ignores the
 * signal: after the close budget it is fenced, and reported as an orphan.
 *
 * The callback's promise may never settle, and it holds this object. So nothing of the scope is left in here
 * once the wait is over (I5).
 */
export class CallbackWait<Value> implements Waiting {
  readonly #ended: Promise<void>
  #state: ScopeState | undefined
  #settlement: Settlement<Value> | undefined
  #stopTimer: (() => void) | undefined

  static begin<Value>(
    state: ScopeState,
    body: Promise<Value>,
    settlement: Settlement<Value>,
  ): void {
    const wait = new CallbackWait(state, body, settlement)
    state.waiting = wait
    if (state.aborted) wait.limit()
  }

  private constructor(state: ScopeState, body: Promise<Value>, settlement: Settlement<Value>) {
    this.#state = state
    this.#settlement = settlement
    this.#ended = body.then(
      (value) => this.#finish({ ok: true, value }),
      (error: unknown) => this.#finish({ ok: false, error }),
    )
  }

  limit(): void {
    const state = this.#state
    if (state === undefined) return
    this.#stopTimer ??= startTimer(state.closeBy - Date.now(), () => this.giveUp())
  }

  giveUp(): void {
    const state = this.#state
    if (state === undefined) return
    state.givenUp = true
    reportOrphan(state, { label: state.cell.label, ended: this.#ended })
    this.#finish({ ok: false, error: state.reason })
  }

  idle(): void {
    // Nothing is pending any more, but the callback still runs.
  }

  #finish(outcome: Outcome<Value>): void {
    const state = this.#state
    const settlement = this.#settlement
    if (state === undefined || settlement === undefined) return
    this.#stopTimer?.()
    this.#state = this.#settlement = this.#stopTimer = undefined
    state.waiting = undefined
    settle(state, outcome, settlement)
  }
}
