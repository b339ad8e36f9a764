import {
  ledgerMeasures,
  noAmounts,
  type LedgerAmounts,
  type SomeAmounts,
} from '../ledger/ledger-amounts.ts'
import type { LedgerSums } from './ledger-store.ts'

type Sums = { -readonly [Measure in keyof LedgerAmounts]: number }

/** Sums in all and by agent, kept up to date with each entry. */
export class LedgerBook {
  readonly #all: Sums = { ...noAmounts }
  readonly #agents = new Map<string, Sums>()

  add(agent: string, amounts: SomeAmounts): void {
    const own = this.#agents.get(agent) ?? { ...noAmounts }
    this.#agents.set(agent, own)
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

/** Beyond what a number can count exactly a sum stays where it is: never back to little. */
function increase(sums: Sums, amounts: SomeAmounts): void {
  for (const measure of ledgerMeasures) {
    const added = amounts[measure]
    if (added !== undefined && added !== 0)
      sums[measure] = Math.min(Number.MAX_SAFE_INTEGER, sums[measure] + added)
  }
}
