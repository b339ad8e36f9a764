import type { ScopeCell } from '../internal/scope-cell.ts'
import { partsOf, type PendingWork, type Waiting } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { giveUpCallback } from './callback-wait.ts'
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
    partsOf(state).waiting = wait
    if (state.ending?.givenUp === true) wait.giveUp()
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
    const ending = state?.ending
    if (ending === undefined) return
    this.#stopTimer ??= startTimer(ending.closeBy - Date.now(), () => this.giveUp())
  }

  giveUp(): void {
    const { state } = this.#cell
    if (state?.ending === undefined) return
    state.ending.givenUp = true
    // Nothing more may start, or there would be no end to it.
    state.ending.closing = true
    for (const work of this.#pending) {
      if (work.scope === undefined) {
        this.#pending.delete(work)
        reportOrphan(state, work)
      } else {
        giveUp(work.scope)
      }
    }
    if (this.#pending.size === 0) this.idle()
  }

  idle(): void {
    this.#stopTimer?.()
    const parts = this.#cell.state?.parts
    if (parts !== undefined) parts.waiting = undefined
    this.#resolve()
  }
}

/** Tells a scope inside to end without what it waits for. */
function giveUp(scope: ScopeState): void {
  if (scope.ending !== undefined) scope.ending.givenUp = true
  if (scope.callbackEnded !== undefined) giveUpCallback(scope)
  else scope.parts?.waiting?.giveUp()
}
