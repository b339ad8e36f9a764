import type { PendingWork, ScopeState, Waiting } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { reportOrphan } from './orphan.ts'

/**
 * Waits until nothing that was started in the scope is left. Once the scope is aborted, only for the close
 * budget: then tasks become orphans, and scopes inside are told to end without theirs, cleanups included.
 */
export class PendingWait implements Waiting {
  readonly #state: ScopeState
  readonly #pending: Set<PendingWork>
  readonly #resolve: () => void
  #stopTimer: (() => void) | undefined

  static begin(state: ScopeState, pending: Set<PendingWork>): Promise<void> {
    return new Promise((resolve) => {
      const wait = new PendingWait(state, pending, resolve)
      state.waiting = wait
      if (state.givenUp) wait.giveUp()
      else if (state.aborted) wait.limit()
    })
  }

  private constructor(state: ScopeState, pending: Set<PendingWork>, resolve: () => void) {
    this.#state = state
    this.#pending = pending
    this.#resolve = resolve
  }

  limit(): void {
    this.#stopTimer ??= startTimer(this.#state.closeBy - Date.now(), () => this.giveUp())
  }

  giveUp(): void {
    const state = this.#state
    state.givenUp = true
    // Nothing more may start, or there would be no end to it.
    state.lifecycle = 'closing'
    for (const work of this.#pending) {
      if (work.scope === undefined) {
        this.#pending.delete(work)
        reportOrphan(state, work)
      } else {
        work.scope.givenUp = true
        work.scope.waiting?.giveUp()
      }
    }
    if (this.#pending.size === 0) this.idle()
  }

  idle(): void {
    this.#stopTimer?.()
    this.#state.waiting = undefined
    this.#resolve()
  }
}
