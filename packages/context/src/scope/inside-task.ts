import type { PendingScope } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { addFailure, addScope, leaveScope } from './pending.ts'
import { openTask, type Settlement } from './settlement.ts'
import type { Task } from './task.ts'

/** What a scope that was opened in another one is to that one: pending until it has closed. */
export class InsideTask {
  readonly task: Task<unknown>
  readonly #settlement: Settlement<unknown>
  readonly #parent: ScopeState
  readonly #pending: PendingScope

  /** Pending before the callback runs, so that an abort in its first synchronous part reaches it. */
  constructor(parent: ScopeState, state: ScopeState) {
    const [task, settlement] = openTask<unknown>()
    this.task = task
    this.#settlement = settlement
    this.#parent = parent
    this.#pending = addScope(parent, state)
  }

  /** The scope has ended, or will have when this promise settles. */
  settle(result: unknown): void {
    if (result instanceof Promise) {
      result.then(
        (value) => this.#succeed(value),
        (error: unknown) => this.#fail(error),
      )
    } else this.#succeed(result)
  }

  #succeed(value: unknown): void {
    leaveScope(this.#parent, this.#pending)
    this.#settlement.resolve(value)
  }

  #fail(error: unknown): void {
    addFailure(this.#parent, error, this.task)
    leaveScope(this.#parent, this.#pending)
    // The parent has heard of it; the process need not.
    void this.task.ended(() => undefined)
    this.#settlement.reject(error)
  }
}
