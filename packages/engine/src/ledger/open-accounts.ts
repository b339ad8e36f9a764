/** An account that time is charged to as it passes. */
export interface MeteredAccount {
  /** Charges the time that has passed, and stores what is not stored yet. */
  catchUp(): Promise<void>
  /** Charges nothing any more. */
  forget(): void
}

/** Accounts of what is over that could not be charged; beyond it, what the oldest of them holds is lost. */
const mostOwing = 10_000

/**
 * The accounts of what is going on, by owner (I8). Time is charged when somebody looks: before a budget is
 * checked and before the books are read, so that no timer runs for it.
 */
export class OpenAccounts {
  readonly #owners = new Map<string, Set<MeteredAccount>>()
  /** What is over and not stored yet, the oldest first. */
  readonly #owing = new Map<MeteredAccount, string>()
  /** Owners whose debts are being tried. */
  readonly #collecting = new Set<string>()

  add(owner: string, account: MeteredAccount): void {
    const accounts = this.#owners.get(owner) ?? new Set<MeteredAccount>()
    this.#owners.set(owner, accounts)
    accounts.add(account)
  }

  remove(owner: string, account: MeteredAccount): void {
    const accounts = this.#owners.get(owner)
    accounts?.delete(account)
    if (accounts?.size === 0) this.#owners.delete(owner)
    this.#owing.delete(account)
    // The store takes it again: also what else this owner owes.
    if (this.#owing.size > 0) void this.#collect(owner)
  }

  /** One after the other, until one is refused: whoever owes much must not flood a store that has just come back. */
  async #collect(owner: string): Promise<void> {
    if (this.#collecting.has(owner)) return
    this.#collecting.add(owner)
    for (const account of this.#owners.get(owner) ?? []) {
      if (!this.#owing.has(account)) continue
      await account.catchUp()
      if (this.#owing.has(account)) break
    }
    this.#collecting.delete(owner)
  }

  /** It is over, and what it holds could not be stored: it is tried again whenever somebody looks. */
  owe(owner: string, account: MeteredAccount): void {
    this.#owing.set(account, owner)
    const [oldest] = this.#owing
    if (this.#owing.size <= mostOwing || oldest === undefined) return
    this.#owing.delete(oldest[0])
    this.remove(oldest[1], oldest[0])
  }

  /** Of an owner who is forgotten nothing is charged any more, whatever still goes on. */
  forget(owner: string): void {
    for (const account of this.#owners.get(owner) ?? []) {
      account.forget()
      this.#owing.delete(account)
    }
    this.#owners.delete(owner)
  }

  /** Owners of whom something is going on. */
  get owners(): number {
    return this.#owners.size
  }

  async catchUp(owner: string): Promise<void> {
    await all(this.#owners.get(owner) ?? [])
  }

  /** For shutdown. */
  async catchUpAll(): Promise<void> {
    await all([...this.#owners.values()].flatMap((accounts) => [...accounts]))
  }
}

async function all(accounts: Iterable<MeteredAccount>): Promise<void> {
  await Promise.all([...accounts].map((account) => account.catchUp()))
}
