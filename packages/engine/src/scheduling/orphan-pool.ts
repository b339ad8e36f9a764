import { EngineError } from '../errors/engine-error.ts'

export interface OrphanLimits {
  readonly ownerOrphans: number
  readonly orphans: number
}

const retryAfterMs = 5_000

/**
 * Work that was told to stop and still runs, by owner and in all (I9). An orphan cannot be stopped, so what is
 * bounded is what may start: an owner who has too many starts nothing until some have ended. When the pool is full
 * that goes for every owner who has any in it, and never for one who has none: whoever filled it waits for it.
 */
export class OrphanPool {
  readonly #limits: OrphanLimits
  readonly #owners = new Map<string, number>()
  #size = 0
  #total = 0

  constructor(limits: OrphanLimits) {
    this.#limits = limits
  }

  /** Orphans that still run. */
  get size(): number {
    return this.#size
  }

  /** Orphans since the pool was made. */
  get total(): number {
    return this.#total
  }

  get full(): boolean {
    return this.#size >= this.#limits.orphans
  }

  /** Throws `TOO_MANY_ORPHANS`, with `retryAfterMs`. */
  refuseIfFull(owner: string): void {
    const owned = this.#owners.get(owner) ?? 0
    if (owned === 0 || (owned < this.#limits.ownerOrphans && !this.full)) return
    throw new EngineError(
      'TOO_MANY_ORPHANS',
      `${owned} of your calls did not stop when they were told to and are still running. Nothing more is started for you until some have ended.`,
      { retryAfterMs },
    )
  }

  add(owner: string, ended: Promise<void>): void {
    this.#size += 1
    this.#total += 1
    this.#owners.set(owner, (this.#owners.get(owner) ?? 0) + 1)
    void ended.then(() => {
      this.#size -= 1
      const left = (this.#owners.get(owner) ?? 1) - 1
      if (left > 0) this.#owners.set(owner, left)
      else this.#owners.delete(owner)
    })
  }
}
