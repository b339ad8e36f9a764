import { RateLimiter } from '../admission/rate-limiter.ts'

const windowMs = 60_000
/** Lines a minute of one user, or of one address where it is not known who asks. */
const ofOne = 60
/** Lines a minute of all of whom it is not known who they are: addresses cost nothing. */
const ofNobody = 1_200

/** Who was refused, as far as it is known. */
export interface Refused {
  /** The owner's canonical spelling. */
  readonly owner: string | undefined
  readonly address: string | undefined
}

/**
 * Bounds what refusals add to the audit log. They are asked for by whoever likes, at no cost and before any other limit:
 * a log that they can fill is one that stops the server. What is not written is counted, and the next line has the count.
 */
export class RefusalLines {
  readonly #each: RateLimiter
  readonly #nobody: RateLimiter
  #unwritten = 0

  constructor(now: () => number = Date.now) {
    this.#each = new RateLimiter({ quota: ofOne, windowMs, owners: 10_000 }, now)
    this.#nobody = new RateLimiter({ quota: ofNobody, windowMs, owners: 1 }, now)
  }

  /** How many were left out before this one, or undefined where it is left out itself. */
  next({ owner, address = '' }: Refused): number | undefined {
    const written =
      owner === undefined
        ? this.#each.take(`address ${address}`).admitted && this.#nobody.take('').admitted
        : this.#each.take(`owner ${owner}`).admitted
    if (!written) {
      this.#unwritten += 1
      return undefined
    }
    const before = this.#unwritten
    this.#unwritten = 0
    return before
  }
}
