import { canonicalOwner, type Owner } from '@ringfence/context'
import { checkedLimit } from '../internal/checked-limit.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type {
  BudgetLimit,
  BudgetStanding,
  LedgerAccount,
  LedgerEntry,
  LedgerHold,
  LedgerStore,
} from './ledger-store.ts'
import { OwnerBooks } from './owner-books.ts'
import { ownerKey } from './owner-key.ts'
import { RunBooks } from './run-books.ts'

/** How much the memory ledger keeps. */
export interface MemoryLedgerStoreLimits {
  /**
   * Owners whose books are kept. Beyond it the books of the one that was charged longest ago are forgotten,
   * and with them what is gone of that owner's budgets. Default 100,000.
   */
  readonly owners: number
  /** Runs of one owner that are told apart; the others are in the sums only. Default 200. */
  readonly runsPerOwner: number
  /** Runs of all owners that are told apart. Default 10,000. */
  readonly runs: number
}

const defaults: MemoryLedgerStoreLimits = Object.freeze({
  owners: 100_000,
  runsPerOwner: 200,
  runs: 10_000,
})

/**
 * Keeps what owners have used in the memory of this process: bounded, gone with the process. Of each owner it
 * keeps the newest 48 hours, 62 days and 24 months in which something was used, and the total.
 */
export class MemoryLedgerStore implements LedgerStore {
  readonly #limits: MemoryLedgerStoreLimits
  /** The one that was charged longest ago first. */
  readonly #owners = new Map<string, OwnerBooks>()
  readonly #runs: RunBooks

  constructor(limits: Partial<MemoryLedgerStoreLimits> = {}) {
    this.#limits = resolveStoreLimits(defaults, limits)
    this.#runs = new RunBooks(this.#limits.runs)
  }

  account(): LedgerAccount {
    const owner = ownerKey()
    const read = (): OwnerBooks => this.#owners.get(owner) ?? new OwnerBooks(1, this.#runs)
    return Object.freeze<LedgerAccount>({
      charge: async (entry: LedgerEntry) => this.#booksOf(owner).charge(entry),
      hold: async (hold: LedgerHold, limits: readonly BudgetLimit[]) =>
        this.#booksOf(owner).hold(hold, limits),
      settle: async (holdId, entry) => {
        const books = this.#booksOf(owner)
        books.release(holdId)
        books.charge(entry)
      },
      standings: async (limits, at, runId): Promise<readonly BudgetStanding[]> =>
        limits.map((limit) => read().standing(limit, at, runId)),
      sums: async (period, at) => read().sums(period, at),
      windows: async (period, limit) => read().windows(period, checkedLimit('limit', limit, 1)),
      run: async (runId) => read().run(runId)?.sums(),
    })
  }

  /** For the system scope: what is kept of all. */
  get accounts(): number {
    return this.#owners.size
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  forget(owner: Owner): number {
    assertSystem('forget')
    return this.#forget(canonicalOwner(owner)) ? 1 : 0
  }

  clear(): void {
    this.#owners.clear()
    this.#runs.clear()
  }

  #booksOf(owner: string): OwnerBooks {
    const books = this.#owners.get(owner) ?? new OwnerBooks(this.#limits.runsPerOwner, this.#runs)
    this.#owners.delete(owner)
    this.#owners.set(owner, books)
    if (this.#owners.size > this.#limits.owners) this.#forgetOne(owner)
    return books
  }

  /** Whoever has steps going is spared, where there is another. */
  #forgetOne(spared: string): void {
    for (const [owner, books] of this.#owners) {
      if (owner === spared || books.holding) continue
      this.#forget(owner)
      return
    }
  }

  #forget(owner: string): boolean {
    this.#owners.get(owner)?.dispose()
    return this.#owners.delete(owner)
  }
}
