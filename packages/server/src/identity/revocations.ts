import { canonicalOwner, revoke, runOutside, type Owner } from '@ringfence/context'

/** Who has lost their access, and since when. One for all handlers of a process. */
export interface Revocations {
  /**
   * Ends what an owner has open, now: their streams, their sockets (close code 4403), their unused tickets and
   * their runs, each with its terminal event. Credentials issued up to this moment are refused from here on,
   * newer ones are not. Returns how many root scopes were told to end.
   *
   * Whether the caller may do this is theirs to check: it works from any scope.
   */
  revoke(owner: Owner): number
  /** Whether credentials that were issued then (epoch milliseconds) have been revoked since. */
  isRevoked(owner: Owner, issuedAt: number): boolean
  /** Tells `listener` of each owner that is revoked, by the canonical spelling. Returns how to stop. */
  onRevoke(listener: (owner: string) => void): () => void
}

export interface RevocationsOptions {
  /**
   * Milliseconds for which a revocation is remembered: at least as long as the longest credentials live.
   * Default: 86,400,000, a day.
   */
  readonly keepMs?: number
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: () => number
}

/**
 * Remembers revocations in this process. Several processes each need to be told; tell them before you answer whoever
 * asked for it. Throws TypeError for a time that is none.
 *
 * @example
 * const revocations = createRevocations()
 * const server = createServer({ engine, auth, revocations })
 * revocations.revoke({ userId: 'mallory' })
 */
export function createRevocations(options: RevocationsOptions = {}): Revocations {
  const { keepMs = 86_400_000, now = Date.now } = options
  if (!(keepMs > 0)) throw new TypeError('createRevocations: expected `keepMs` to be above 0')
  /** When each owner was revoked last, the longest ago first. */
  const revokedAt = new Map<string, number>()
  const listeners = new Set<(owner: string) => void>()

  function forgetOld(): void {
    const oldest = now() - keepMs
    for (const [owner, at] of revokedAt) {
      if (at >= oldest) return
      revokedAt.delete(owner)
    }
  }

  return Object.freeze<Revocations>({
    revoke(owner) {
      const key = canonicalOwner(owner)
      forgetOld()
      revokedAt.delete(key)
      revokedAt.set(key, now())
      for (const listener of listeners) listener(key)
      return runOutside(() => revoke(owner))
    },
    isRevoked(owner, issuedAt) {
      const at = revokedAt.get(canonicalOwner(owner))
      return at !== undefined && issuedAt <= at
    },
    onRevoke(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  })
}
