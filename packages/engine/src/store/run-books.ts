import type { LedgerBook } from './ledger-book.ts'

/** The books of single runs, of all owners: bounded, the one that was charged longest ago goes first. */
export class RunBooks {
  readonly #most: number
  /** With how their owner forgets them. */
  readonly #byAge = new Map<LedgerBook, () => void>()
  #newest: LedgerBook | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** It was charged now. */
  touch(book: LedgerBook, forget: () => void): void {
    if (book === this.#newest) return
    this.#newest = book
    this.#byAge.delete(book)
    this.#byAge.set(book, forget)
    if (this.#byAge.size <= this.#most) return
    const [oldest] = this.#byAge
    if (oldest === undefined) return
    this.#byAge.delete(oldest[0])
    oldest[1]()
  }

  delete(book: LedgerBook): void {
    this.#byAge.delete(book)
    if (this.#newest === book) this.#newest = undefined
  }

  clear(): void {
    this.#newest = undefined
    this.#byAge.clear()
  }
}
