import type { HandlerLimits } from '../handler/limits.ts'
import { Problem } from '../problems/problem.ts'
import { retryAfter } from '../problems/to-problem.ts'

/** What one body holds of the budget. */
export interface BodyHold {
  /** Takes more. Throws `owner_uploads_full` or `uploads_full`, and then has taken nothing of it. */
  take(bytes: number): void
  /** Gives all of it back. Once is enough. */
  release(): void
}

/** The bytes that bodies hold while they are read: of each owner, and of all together. */
export class BodyBudget {
  readonly #limits: HandlerLimits
  readonly #owners = new Map<string, number>()
  #total = 0

  constructor(limits: HandlerLimits) {
    this.#limits = limits
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#total
  }

  /** `owner` is the owner's canonical spelling. */
  hold(owner: string): BodyHold {
    let held = 0
    return {
      take: (bytes) => {
        this.#check(owner, bytes)
        held += bytes
        this.#add(owner, bytes)
      },
      release: () => {
        this.#add(owner, -held)
        held = 0
      },
    }
  }

  #check(owner: string, bytes: number): void {
    const { ownerBodyBytes, bodyBytesInFlight } = this.#limits
    const headers = retryAfter(undefined)
    if ((this.#owners.get(owner) ?? 0) + bytes > ownerBodyBytes) {
      throw new Problem('owner_uploads_full', { headers })
    }
    if (this.#total + bytes > bodyBytesInFlight) throw new Problem('uploads_full', { headers })
  }

  #add(owner: string, bytes: number): void {
    this.#total += bytes
    const left = (this.#owners.get(owner) ?? 0) + bytes
    if (left === 0) this.#owners.delete(owner)
    else this.#owners.set(owner, left)
  }
}
