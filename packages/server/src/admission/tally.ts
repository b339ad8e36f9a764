/** How many of something each owner has, and all together: neither grows beyond its limit. */
export class Tally {
  readonly #ownerLimit: number
  readonly #limit: number
  readonly #owners = new Map<string, number>()
  #all = 0

  constructor(ownerLimit: number, limit: number) {
    this.#ownerLimit = ownerLimit
    this.#limit = limit
  }

  get all(): number {
    return this.#all
  }

  /** Takes one for an owner, by the canonical spelling. Returns how to give it back, or which limit is in the way. */
  take(owner: string): (() => void) | 'owner' | 'all' {
    const owned = this.#owners.get(owner) ?? 0
    if (owned >= this.#ownerLimit) return 'owner'
    if (this.#all >= this.#limit) return 'all'
    this.#owners.set(owner, owned + 1)
    this.#all += 1
    let given = false
    return () => {
      if (given) return
      given = true
      this.#all -= 1
      const left = (this.#owners.get(owner) ?? 1) - 1
      if (left === 0) this.#owners.delete(owner)
      else this.#owners.set(owner, left)
    }
  }
}
