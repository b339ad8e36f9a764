/** What one owner may do, and how often. */
export interface RateOptions {
  /** How many at once, and in each window. */
  readonly quota: number
  readonly windowMs: number
  /** How many owners are remembered. */
  readonly owners: number
}

/** Where an owner stands after asking. */
export interface RateState {
  readonly admitted: boolean
  /** How many more are admitted at once. */
  readonly remaining: number
  /** Milliseconds until there is all of the quota again, or, where it was refused, until one is admitted. */
  readonly resetMs: number
}

/**
 * A rate for each owner, by the generic cell rate algorithm (ITU-T I.371): one number an owner, and a quota that
 * comes back steadily instead of all at once. An owner with the whole quota is forgotten, so that what is kept is bounded
 * by what was asked for within a window; beyond `owners`, who asked longest ago is forgotten too.
 */
export class RateLimiter {
  readonly #quota: number
  readonly #intervalMs: number
  readonly #owners: number
  readonly #now: () => number
  /** When each owner's quota will be whole again. Who asked longest ago comes first. */
  readonly #wholeAt = new Map<string, number>()

  constructor({ quota, windowMs, owners }: RateOptions, now: () => number = Date.now) {
    this.#quota = quota
    this.#intervalMs = windowMs / quota
    this.#owners = owners
    this.#now = now
  }

  get size(): number {
    return this.#wholeAt.size
  }

  /** Takes one of an owner's, given by the canonical spelling, if there is one left. */
  take(owner: string): RateState {
    const now = this.#now()
    const wholeAt = Math.max(now, this.#wholeAt.get(owner) ?? 0)
    const next = wholeAt + this.#intervalMs
    const windowMs = this.#quota * this.#intervalMs
    // A hair's breadth for what division left over.
    const overMs = next - now - windowMs
    const admitted = overMs <= 1e-6
    if (admitted) {
      this.#wholeAt.delete(owner)
      this.#wholeAt.set(owner, next)
    }
    this.#forget(now)
    if (!admitted) return { admitted, remaining: 0, resetMs: overMs }
    const remaining = Math.floor((windowMs - (next - now)) / this.#intervalMs + 1e-6)
    return { admitted, remaining, resetMs: next - now }
  }

  /** A few at a time: those who have their whole quota back, and the longest ago where there are too many. */
  #forget(now: number): void {
    let looks = 2
    for (const [owner, wholeAt] of this.#wholeAt) {
      if (wholeAt > now && this.#wholeAt.size <= this.#owners) return
      this.#wholeAt.delete(owner)
      looks -= 1
      if (looks === 0) return
    }
  }
}
