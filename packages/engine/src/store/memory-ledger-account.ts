import { checkedLimit } from '../internal/checked-limit.ts'
import type { LedgerPeriod } from '../ledger/ledger-window.ts'
import type {
  BudgetLimit,
  BudgetStanding,
  LedgerAccount,
  LedgerEntry,
  LedgerHold,
  LedgerSums,
  LedgerWindowSums,
} from './ledger-store.ts'
import type { OwnerBooks } from './owner-books.ts'

/** Where the books of all owners are kept. */
export interface BookShelf {
  /** The books that something is written in: the newest of all from then on. */
  readonly charged: (owner: string) => OwnerBooks
  readonly read: (owner: string) => OwnerBooks
}

/** The account of one owner in memory. */
export class MemoryLedgerAccount implements LedgerAccount {
  readonly #owner: string
  readonly #shelf: BookShelf

  constructor(owner: string, shelf: BookShelf) {
    this.#owner = owner
    this.#shelf = shelf
    Object.freeze(this)
  }

  /** Whether the account is one of these itself. */
  static is(account: LedgerAccount): account is MemoryLedgerAccount {
    return #shelf in account
  }

  /**
   * Charges at once, without a promise, where the account is one of these itself: nothing that stands before one, or is
   * made after one. False where it is not; then nothing was charged.
   */
  static chargeNow(account: LedgerAccount, entry: LedgerEntry): boolean {
    if (!MemoryLedgerAccount.is(account)) return false
    account.#charged.charge(entry)
    return true
  }

  get #charged(): OwnerBooks {
    return this.#shelf.charged(this.#owner)
  }

  get #read(): OwnerBooks {
    return this.#shelf.read(this.#owner)
  }

  async charge(entry: LedgerEntry): Promise<void> {
    this.#charged.charge(entry)
  }

  async hold(
    hold: LedgerHold,
    limits: readonly BudgetLimit[],
  ): Promise<BudgetStanding | undefined> {
    return this.#charged.hold(hold, limits)
  }

  async settle(holdId: string, entry: LedgerEntry): Promise<void> {
    const books = this.#charged
    books.release(holdId)
    books.charge(entry)
  }

  async standings(
    limits: readonly BudgetLimit[],
    at: number,
    runId?: string,
  ): Promise<readonly BudgetStanding[]> {
    return limits.map((limit) => this.#read.standing(limit, at, runId))
  }

  async sums(period: LedgerPeriod, at: number): Promise<LedgerWindowSums> {
    return this.#read.sums(period, at)
  }

  async windows(period: LedgerPeriod, limit: number): Promise<readonly LedgerWindowSums[]> {
    return this.#read.windows(period, checkedLimit('limit', limit, 1))
  }

  async run(runId: string): Promise<LedgerSums | undefined> {
    return this.#read.run(runId)?.sums()
  }
}
