import {
  increase,
  noAmounts,
  type GrowingAmounts,
  type LedgerAmounts,
  type SomeAmounts,
} from '../ledger/ledger-amounts.ts'
import type { LedgerSums } from './ledger-store.ts'

/** Sums in all and by agent, kept up to date with each entry. */
export class LedgerBook {
  readonly #all: GrowingAmounts = { ...noAmounts }
  readonly #agents = new Map<string, GrowingAmounts>()

  add(agent: string, amounts: SomeAmounts): void {
    let own = this.#agents.get(agent)
    if (own === undefined) {
      own = { ...noAmounts }
      this.#agents.set(agent, own)
    }
    increase(this.#all, amounts)
    increase(own, amounts)
  }

  /** Of one agent, or of all together. */
  of(agent: string | undefined): LedgerAmounts {
    return agent === undefined ? this.#all : (this.#agents.get(agent) ?? noAmounts)
  }

  /** A copy. */
  sums(): LedgerSums {
    const agents = [...this.#agents].map(([agent, sums]) => [agent, Object.freeze({ ...sums })])
    return { all: Object.freeze({ ...this.#all }), agents: Object.fromEntries(agents) }
  }
}
