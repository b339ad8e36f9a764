import { canonicalOwner, type Owner } from '@ringfence/context'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type { LedgerAccount, LedgerStore } from './ledger-store.ts'
import { MemoryLedgerAccount, type BookShelf } from './memory-ledger-account.ts'
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
  #newest: OwnerBooks | undefined
  readonly #shelf: BookShelf = {
    charged: (owner) => this.#booksOf(owner),
    read: (owner) => this.#owners.get(owner) ?? new OwnerBooks(1, this.#runs),
  }

  constructor(limits: Partial<MemoryLedgerStoreLimits> = {}) {
    this.#limits = resolveStoreLimits(defaults, limits)
    this.#runs = new RunBooks(this.#limits.runs)
  }

  account(): LedgerAccount {
    return new MemoryLedgerAccount(ownerKey(), this.#shelf)
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
    this.#newest = undefined
    this.#owners.clear()
    this.#runs.clear()
  }

  #booksOf(owner: string): OwnerBooks {
    const books = this.#owners.get(owner) ?? new OwnerBooks(this.#limits.runsPerOwner, this.#runs)
    if (this.#newest === books) return books
    this.#newest = books
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
    const books = this.#owners.get(owner)
    if (books === this.#newest) this.#newest = undefined
    books?.dispose()
    return this.#owners.delete(owner)
  }
}
