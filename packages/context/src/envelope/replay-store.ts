import { checkCount, checkFunction, checkOptions } from '../internal/argument.ts'

/** Remembers which one-use envelopes were used. All processes that open them must share one. */
export interface ReplayStore {
  /**
   * Takes note of `id` until `expiresAt` (epoch milliseconds), in one atomic step. True the first time, false
   * ever after. Must throw, or reject, when it cannot tell. The id is a digest: it names nobody.
   */
  consume(id: string, expiresAt: number): boolean | PromiseLike<boolean>
}

/** How much a replay store in memory holds. Both are optional. */
export interface MemoryReplayStoreOptions {
  /** How many unexpired ids there may be at once. Default: 100,000. */
  readonly capacity?: number
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly clock?: () => number
}

/**
 * A replay store for one process: nothing in it is known to another process, nor after a restart. A full one
 * throws and so refuses what is new; it never forgets an id that could still be replayed.
 */
export function createMemoryReplayStore(options: MemoryReplayStoreOptions = {}): ReplayStore {
  checkOptions('createMemoryReplayStore()', 'options', options, { capacity: true, clock: true })
  const { capacity = 100_000, clock = Date.now } = options
  checkCount('createMemoryReplayStore()', 'capacity', capacity)
  checkFunction('createMemoryReplayStore()', 'clock', clock)
  const used = new Map<string, number>()
  let earliest = Infinity

  function forgetExpired(now: number): void {
    earliest = Infinity
    for (const [id, expiresAt] of used) {
      if (expiresAt <= now) used.delete(id)
      else earliest = Math.min(earliest, expiresAt)
    }
  }

  return Object.freeze({
    consume(id: string, expiresAt: number): boolean {
      const now = clock()
      const known = used.get(id)
      if (known !== undefined && known > now) return false
      // Only when something can have expired: a full store must not be walked through for every attempt.
      if (used.size >= capacity && earliest <= now) forgetExpired(now)
      if (used.size >= capacity) {
        throw new Error(`The replay store is full: ${capacity} ids have not expired yet`)
      }
      used.set(id, expiresAt)
      earliest = Math.min(earliest, expiresAt)
      return true
    },
  })
}
