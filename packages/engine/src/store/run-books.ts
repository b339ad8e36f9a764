import type { LedgerBook } from './ledger-book.ts'

/** The books of single runs, of all owners: bounded, the one that was charged longest ago goes first. */
export class RunBooks {
  readonly #most: number
  /** With how their owner forgets them. */
  readonly #byAge = new Map<LedgerBook, () => void>()

  constructor(most: number) {
    this.#most = most
  }

  /** It was charged now. */
  touch(book: LedgerBook, forget: () => void): void {
    this.#byAge.delete(book)
    this.#byAge.set(book, forget)
    const [oldest] = this.#byAge
    if (this.#byAge.size <= this.#most || oldest === undefined) return
    this.#byAge.delete(oldest[0])
    oldest[1]()
  }

  delete(book: LedgerBook): void {
    this.#byAge.delete(book)
  }

  clear(): void {
    this.#byAge.clear()
  }
}
