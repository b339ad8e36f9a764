import { RecentDurations, type DurationSummary } from '../statistics/recent-durations.ts'

/** How tool calls went, those of all agents and owners. Names nobody. */
export interface ToolMetrics {
  /** Calls that have ended. */
  readonly ended: number
  readonly succeeded: number
  /** Refused, failed, too late, or given up. */
  readonly failed: number
  /** Those that succeeded as a part of those that have ended, 0 to 1; 0 where none has. */
  readonly successRate: number
  /** Between a call's beginning and its end, of the most recent 1,000. */
  readonly durations: DurationSummary
}

const kept = 1_000

/** Counts tool calls. One for all users: nothing in it is anybody's. */
export class ToolCounts {
  readonly #durations = new RecentDurations(kept)
  #succeeded = 0
  #failed = 0

  add(ms: number, ok: boolean): void {
    if (ok) this.#succeeded += 1
    else this.#failed += 1
    this.#durations.add(ms)
  }

  read(): ToolMetrics {
    const [succeeded, failed] = [this.#succeeded, this.#failed]
    const ended = succeeded + failed
    return {
      ended,
      succeeded,
      failed,
      successRate: ended === 0 ? 0 : succeeded / ended,
      durations: this.#durations.summary(),
    }
  }
}
