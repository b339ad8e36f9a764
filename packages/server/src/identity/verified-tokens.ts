import type { Identity } from './identity.ts'

/** How long a token that was verified is believed without being verified again, and how many are. */
export interface VerifiedTokensLimits {
  /** Milliseconds, and never beyond the token's own end. 0 verifies every time. Default: 60,000. */
  readonly ms: number
  /** Tokens; the one that was not used for longest makes room. Default: 10,000. */
  readonly tokens: number
}

interface Verified {
  readonly identity: Identity
  readonly until: number
}

/**
 * Whom tokens stand for that were verified a moment ago: a signature costs more than the rest of a small
 * request. The digest of the header that brought it is the key: another one, if only by a character, is verified like any,
 * and what is in memory is of no use to anybody who reads it.
 */
export class VerifiedTokens {
  readonly #limits: VerifiedTokensLimits
  /** The least recently used first. */
  readonly #verified = new Map<string, Verified>()

  constructor(limits: VerifiedTokensLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#verified.size
  }

  get(digest: string, now: number): Identity | undefined {
    const found = this.#verified.get(digest)
    if (found === undefined) return undefined
    this.#verified.delete(digest)
    if (found.until <= now) return undefined
    this.#verified.set(digest, found)
    return found.identity
  }

  /** `expiresAt` in epoch milliseconds. */
  add(digest: string, identity: Identity, expiresAt: number, now: number): void {
    const { ms, tokens } = this.#limits
    if (ms === 0) return
    const until = Math.min(now + ms, expiresAt)
    if (until <= now) return
    this.#verified.set(digest, { identity, until })
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= tokens) return
      this.#verified.delete(oldest)
    }
  }
}
