import type { ScopeCell } from '../internal/runtime.ts'
import type { PendingWork, ScopeState, Waiting } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { reportOrphan } from './orphan.ts'
import { openPromise } from './settlement.ts'

/**
 * Waits until nothing that was started in the scope is left. Once the scope is aborted, only for the close
 * budget: then tasks become orphans, and scopes inside are told to end without theirs, cleanups included.
 */
export class PendingWait implements Waiting {
  readonly #cell: ScopeCell
  readonly #pending: Set<PendingWork>
  readonly #resolve: () => void
  #stopTimer: (() => void) | undefined

  static begin(state: ScopeState, pending: Set<PendingWork>): Promise<void> {
    const [promise, { resolve }] = openPromise<void>()
    const wait = new PendingWait(state.cell, pending, resolve)
    state.waiting = wait
    if (state.givenUp) wait.giveUp()
    else if (state.aborted) wait.limit()
    return promise
  }

  private constructor(cell: ScopeCell, pending: Set<PendingWork>, resolve: () => void) {
    this.#cell = cell
    this.#pending = pending
    this.#resolve = resolve
  }

  limit(): void {
    const { state } = this.#cell
    if (state === undefined) return
    this.#stopTimer ??= startTimer(state.closeBy - Date.now(), () => this.giveUp())
  }

  giveUp(): void {
    const { state } = this.#cell
    if (state === undefined) return
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
    if (this.#cell.state !== undefined) this.#cell.state.waiting = undefined
    this.#resolve()
  }
}
