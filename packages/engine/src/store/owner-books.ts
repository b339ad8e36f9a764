import type { LedgerMeasure } from '../ledger/ledger-amounts.ts'
import { windowAt, type LedgerPeriod, type LedgerWindow } from '../ledger/ledger-window.ts'
import { LedgerBook } from './ledger-book.ts'
import type { RunBooks } from './run-books.ts'
import type {
  BudgetLimit,
  BudgetStanding,
  LedgerEntry,
  LedgerHold,
  LedgerWindowSums,
} from './ledger-store.ts'

const periods: readonly LedgerPeriod[] = ['hour', 'day', 'month', 'total']

/** How many windows of each kind are kept; budgets only ever look at the newest. */
const kept: Record<LedgerPeriod, number> = { hour: 48, day: 62, month: 24, total: 1 }

/** What is known beforehand: a step that asks for none of it uses none. */
const counted = new Set<LedgerMeasure>(['runs', 'toolCalls'])

const emptyBook = new LedgerBook()

/** One owner's books in memory. */
export class OwnerBooks {
  readonly #windows: Record<LedgerPeriod, Map<number, LedgerBook>> = {
    hour: new Map(),
    day: new Map(),
    month: new Map(),
    total: new Map(),
  }
  /** The one that was charged longest ago first. */
  readonly #runs = new Map<string, { readonly book: LedgerBook; readonly forget: () => void }>()
  readonly #holds = new Map<string, LedgerHold>()
  /** The books of the hour that was charged last. */
  #current: (LedgerWindow & { readonly books: readonly LedgerBook[] }) | undefined
  #newestRun: string | undefined
  readonly #mostRuns: number
  readonly #allRuns: RunBooks

  constructor(mostRuns: number, allRuns: RunBooks) {
    this.#mostRuns = mostRuns
    this.#allRuns = allRuns
  }

  get holding(): boolean {
    return this.#holds.size > 0
  }

  charge({ runId, agent, at, amounts }: LedgerEntry): void {
    for (const book of this.#booksAt(at)) book.add(agent, amounts)
    if (runId !== undefined) this.#bookOf(runId).add(agent, amounts)
  }

  hold(hold: LedgerHold, limits: readonly BudgetLimit[]): BudgetStanding | undefined {
    for (const [holdId, { expiresAt }] of this.#holds) {
      if (expiresAt <= hold.at) this.#holds.delete(holdId)
    }
    for (const limit of limits) {
      if (limit.agent !== undefined && limit.agent !== hold.agent) continue
      const standing = this.standing(limit, hold.at, hold.runId)
      const left = limit.most - standing.used - standing.held
      const asked = hold.amounts[limit.measure] ?? 0
      const least = counted.has(limit.measure) ? asked : Math.max(asked, 1)
      if (least > left) return standing
    }
    if (Object.values(hold.amounts).some((amount) => amount !== undefined && amount > 0)) {
      this.#holds.set(hold.holdId, hold)
    }
    return undefined
  }

  release(holdId: string): void {
    this.#holds.delete(holdId)
  }

  standing(limit: BudgetLimit, at: number, runId: string | undefined): BudgetStanding {
    const { window, agent, measure } = limit
    let held = 0
    for (const hold of this.#holds.values()) {
      if (hold.expiresAt <= at) continue
      if (window === 'run' && hold.runId !== runId) continue
      if (agent !== undefined && hold.agent !== agent) continue
      held += hold.amounts[measure] ?? 0
    }
    const book =
      window === 'run'
        ? this.run(runId ?? '')
        : this.#windows[window].get(windowAt(window, at).from)
    return Object.freeze({ ...limit, used: (book ?? emptyBook).of(agent)[measure], held })
  }

  sums(period: LedgerPeriod, at: number): LedgerWindowSums {
    const window = windowAt(period, at)
    const book = this.#windows[period].get(window.from) ?? emptyBook
    return { ...window, ...book.sums() }
  }

  windows(period: LedgerPeriod, limit: number): readonly LedgerWindowSums[] {
    return [...this.#windows[period].keys()]
      .toSorted((one, other) => other - one)
      .slice(0, limit)
      .map((from) => this.sums(period, from))
  }

  run(runId: string): LedgerBook | undefined {
    return this.#runs.get(runId)?.book
  }

  /** Its owner is forgotten. */
  dispose(): void {
    for (const { book } of this.#runs.values()) this.#allRuns.delete(book)
  }

  /** Of each period the book that the moment lies in. Looked up again only when the hour is another one. */
  #booksAt(at: number): readonly LedgerBook[] {
    const known = this.#current
    if (known !== undefined && at >= known.from && at < known.until) return known.books
    const books = periods.map((period) => this.#bookAt(period, at))
    // An hour lies in one day, and in one month.
    this.#current = { ...windowAt('hour', at), books }
    return books
  }

  #bookAt(period: LedgerPeriod, at: number): LedgerBook {
    const books = this.#windows[period]
    const { from } = windowAt(period, at)
    const known = books.get(from)
    if (known !== undefined) return known
    const book = new LedgerBook()
    books.set(from, book)
    if (books.size > kept[period]) {
      books.delete(Math.min(...books.keys()))
      this.#current = undefined
    }
    return book
  }

  #bookOf(runId: string): LedgerBook {
    const run = this.#runs.get(runId) ?? {
      book: new LedgerBook(),
      forget: () => {
        this.#runs.delete(runId)
        if (this.#newestRun === runId) this.#newestRun = undefined
      },
    }
    if (this.#newestRun !== runId) {
      this.#newestRun = runId
      this.#runs.delete(runId)
      this.#runs.set(runId, run)
    }
    this.#allRuns.touch(run.book, run.forget)
    if (this.#runs.size > this.#mostRuns) this.#forgetOldestRun()
    return run.book
  }

  #forgetOldestRun(): void {
    const [oldest] = this.#runs
    if (oldest === undefined) return
    this.#runs.delete(oldest[0])
    this.#allRuns.delete(oldest[1].book)
  }
}
