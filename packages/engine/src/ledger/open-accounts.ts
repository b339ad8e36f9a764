/** An account that time is charged to as it passes. */
export interface MeteredAccount {
  /** Charges the time that has passed, and stores what is not stored yet. */
  catchUp(): Promise<void>
}

/**
 * The accounts of what is going on, by owner (I8). Time is charged when somebody looks: before a budget is
 * checked and before the books are read, so that no timer runs for it.
 */
export class OpenAccounts {
  readonly #owners = new Map<string, Set<MeteredAccount>>()

  add(owner: string, account: MeteredAccount): void {
    const accounts = this.#owners.get(owner) ?? new Set<MeteredAccount>()
    this.#owners.set(owner, accounts)
    accounts.add(account)
  }

  remove(owner: string, account: MeteredAccount): void {
    const accounts = this.#owners.get(owner)
    accounts?.delete(account)
    if (accounts?.size === 0) this.#owners.delete(owner)
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
