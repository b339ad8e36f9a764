import { EngineError } from '../errors/engine-error.ts'

export interface QuarantineLimits {
  readonly toolOrphans: number
  readonly quarantineMs: number
}

interface Record {
  orphans: number
  /** Epoch milliseconds: it is forgotten then. */
  expires: number
}

/**
 * Keeps a tool that keeps making orphans from being called again at once. By owner and tool (I8): what a tool does
 * with one user's arguments says nothing about another's, and no user can take a tool away from the others.
 *
 * Only tools that made an orphan lately are kept account of, so it holds no more than the pool of orphans and
 * its quarantine let in.
 */
export class ToolQuarantine {
  readonly #limits: QuarantineLimits
  readonly #now: () => number
  /** All are kept equally long, so they expire in the order in which they were last set. */
  readonly #records = new Map<string, Record>()

  constructor(limits: QuarantineLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** Tools of owners that cannot be called now. */
  get size(): number {
    this.#forgetExpired()
    let quarantined = 0
    for (const record of this.#records.values()) if (this.#isFull(record)) quarantined += 1
    return quarantined
  }

  /** Throws `TOOL_QUARANTINED`, with `retryAfterMs`. */
  refuse(owner: string, tool: string): void {
    const record = this.#records.get(keyOf(owner, tool))
    if (record === undefined || !this.#isFull(record)) return
    const retryAfterMs = record.expires - this.#now()
    if (retryAfterMs <= 0) return
    throw new EngineError(
      'TOOL_QUARANTINED',
      `The tool "${tool}" did not stop when it was told to, ${record.orphans} times. It can be called again in ${Math.ceil(retryAfterMs / 1000)} s.`,
      { retryAfterMs },
    )
  }

  /** A call of the tool has become an orphan. */
  add(owner: string, tool: string): void {
    this.#forgetExpired()
    const key = keyOf(owner, tool)
    const orphans = (this.#records.get(key)?.orphans ?? 0) + 1
    this.#records.delete(key)
    this.#records.set(key, { orphans, expires: this.#now() + this.#limits.quarantineMs })
  }

  #isFull({ orphans }: Record): boolean {
    return orphans >= this.#limits.toolOrphans
  }

  #forgetExpired(): void {
    const now = this.#now()
    for (const [key, { expires }] of this.#records) {
      if (expires > now) return
      this.#records.delete(key)
    }
  }
}

/** A canonical owner says where it ends. */
function keyOf(owner: string, tool: string): string {
  return `${owner}${tool}`
}
