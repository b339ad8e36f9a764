/** When a circuit opens, and when it closes again. */
export interface CircuitPolicy {
  /** Failures in a row after which it opens. */
  readonly failures: number
  /** Milliseconds that it stays open; then one call at a time is let through to see. */
  readonly openMs: number
  /** Such calls in a row that have to succeed before it closes. */
  readonly successes: number
}

export type CircuitState = 'closed' | 'open' | 'half-open'

/** A call that was let through. Says once how it ended; later words are not heard. */
export interface Passage {
  succeeded(now: number): void
  failed(now: number): void
  /** Nothing is known of the dependency: the call was cancelled, or never reached it. */
  unknown(): void
}

/**
 * The states of one circuit. Closed, it counts failures in a row; open, it lets nothing through; after a while it is
 * half open, and lets one call at a time through until enough have succeeded, or one has failed.
 */
export class Circuit {
  readonly #policy: CircuitPolicy
  #open = false
  /** In a row, while closed. */
  #failures = 0
  #failedAt = 0
  /** In a row, while half open. */
  #successes = 0
  #trying = false
  /** What a call says of an earlier period is not heard. */
  #period = 0

  constructor(policy: CircuitPolicy) {
    this.#policy = policy
  }

  state(now: number): CircuitState {
    if (!this.#open) return 'closed'
    return now - this.#failedAt < this.#policy.openMs ? 'open' : 'half-open'
  }

  /** Nothing worth keeping: no failure that still counts. */
  isIdle(now: number): boolean {
    return !this.#open && (this.#failures === 0 || this.#isStale(now))
  }

  /** A passage, or milliseconds after which asking again is sensible. */
  pass(now: number): Passage | number {
    const state = this.state(now)
    const openFor = this.#failedAt + this.#policy.openMs - now
    if (state === 'open') return Math.max(1, Math.ceil(openFor))
    if (state === 'half-open') {
      if (this.#trying) return 1_000
      this.#trying = true
    }
    return this.#passage()
  }

  #passage(): Passage {
    const period = this.#period
    let said = false
    const once = (say: () => void): void => {
      if (said) return
      said = true
      if (period === this.#period) say()
    }
    return {
      succeeded: () => once(() => this.#succeed()),
      failed: (now) => once(() => this.#fail(now)),
      unknown: () =>
        once(() => {
          this.#trying = false
        }),
    }
  }

  #succeed(): void {
    this.#trying = false
    this.#failures = 0
    if (!this.#open) return
    this.#successes += 1
    if (this.#successes < this.#policy.successes) return
    this.#open = false
    this.#begin()
  }

  #fail(now: number): void {
    this.#failures = this.#isStale(now) ? 1 : this.#failures + 1
    this.#failedAt = now
    if (!this.#open && this.#failures < this.#policy.failures) return
    this.#open = true
    this.#begin()
  }

  /** A failure that was long ago is not one in a row with the next. */
  #isStale(now: number): boolean {
    return now - this.#failedAt >= this.#policy.openMs
  }

  #begin(): void {
    this.#period += 1
    this.#failures = 0
    this.#successes = 0
    this.#trying = false
  }
}
