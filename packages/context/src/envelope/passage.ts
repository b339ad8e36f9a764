import type { ScopeState } from '../internal/scope-state.ts'
import { createVariable, type Variable } from '../variable/create-variable.ts'

/** Where in a transaction the current code is. Fit for logs: it names no user. */
export interface Passage {
  /** The same in every process that the transaction reaches. */
  readonly transactionId: string
  /** How many processes the transaction has been sent through to get here. */
  readonly hops: number
}

/** Set around every scope that is opened from an envelope, so that what is sealed in there continues it. */
export const passage: Variable<Passage | undefined> = /* @__PURE__ */ createVariable<Passage>({
  name: 'ringfence.passage',
})

/** The transactions of scopes that no envelope opened: one for each outermost scope. */
export class Transactions {
  readonly #ids = new WeakMap<ScopeState, string>()

  current(state: ScopeState): Passage {
    return passage.get() ?? { transactionId: this.#idOf(state), hops: 0 }
  }

  #idOf(state: ScopeState): string {
    let outermost = state
    while (outermost.parent !== undefined) outermost = outermost.parent
    const existing = this.#ids.get(outermost)
    if (existing !== undefined) return existing
    const created = globalThis.crypto.randomUUID()
    this.#ids.set(outermost, created)
    return created
  }
}
