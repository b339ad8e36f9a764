/** How long something took, in milliseconds. All but `count` are of the most recent ones. */
export interface DurationSummary {
  /** How often it was measured, ever. */
  readonly count: number
  readonly averageMs: number
  readonly minMs: number
  readonly maxMs: number
}

/** The most recent durations, in a ring: however often something is measured, it takes the same room. */
export class RecentDurations {
  readonly #kept: number
  readonly #ring: number[] = []
  #count = 0

  constructor(kept: number) {
    this.#kept = kept
  }

  add(ms: number): void {
    this.#ring[this.#count % this.#kept] = ms
    this.#count += 1
  }

  /** Zeros where nothing was measured. */
  summary(): DurationSummary {
    const ring = this.#ring
    if (ring.length === 0) return { count: 0, averageMs: 0, minMs: 0, maxMs: 0 }
    return {
      count: this.#count,
      averageMs: ring.reduce((sum, ms) => sum + ms, 0) / ring.length,
      minMs: Math.min(...ring),
      maxMs: Math.max(...ring),
    }
  }
}
