import type { TerminalDraft } from '../events/agent-event.ts'
import { advance, statusAfter, type RunStatus } from '../runs/run-status.ts'
import { RecentDurations, type DurationSummary } from './recent-durations.ts'

/** How runs went since the engine was made. Each run is counted in exactly one of the six states. */
export interface RunTotals {
  readonly total: number
  readonly queued: number
  readonly running: number
  readonly completed: number
  /** Ended in an error that is no deadline of theirs. */
  readonly failed: number
  readonly cancelled: number
  /** Waited, took or told nothing for longer than they may: `QUEUE_TIMEOUT`, `RUN_DEADLINE`, `IDLE_DEADLINE`. */
  readonly timedOut: number
  /** Work of theirs that ignored its end and still runs. */
  readonly orphans: number
  /** Completed runs as a part of those that have ended, 0 to 1; 0 where none has. */
  readonly successRate: number
  /** Failed and timed out runs as a part of those that have ended, 0 to 1; 0 where none has. */
  readonly failureRate: number
}

/** One owner's runs since the engine was made, and how long the most recent 100 waited and took. */
export interface RunStatistics extends RunTotals {
  /** Between `start` and the agent's beginning. */
  readonly queueWait: DurationSummary
  /** Between the agent's beginning and the run's end. */
  readonly execution: DurationSummary
}

/** What a run says of itself while it goes on. */
export interface RunTally {
  started(queuedMs: number): void
  ended(terminal: TerminalDraft): void
  /** It never came to be. */
  abandoned(): void
  /** Work of the run ignored its end; `until` settles when it really ends. */
  orphaned(until: Promise<unknown>): void
}

type State = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'timedOut'

const keptDurations = 100
const deadlines = new Set(['QUEUE_TIMEOUT', 'RUN_DEADLINE', 'IDLE_DEADLINE'])

class Counts {
  readonly states: Record<State, number> = {
    queued: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    timedOut: 0,
  }
  orphans = 0

  totals(): RunTotals {
    const { completed, failed, cancelled, timedOut, queued, running } = this.states
    const ended = completed + failed + cancelled + timedOut
    return {
      total: ended + queued + running,
      ...this.states,
      orphans: this.orphans,
      successRate: ended === 0 ? 0 : completed / ended,
      failureRate: ended === 0 ? 0 : (failed + timedOut) / ended,
    }
  }

  get busy(): boolean {
    return this.states.queued + this.states.running + this.orphans > 0
  }
}

class OwnerCounts extends Counts {
  readonly queueWait = new RecentDurations(keptDurations)
  readonly execution = new RecentDurations(keptDurations)
}

/**
 * Counts runs for each owner, and in all. Of owners who have nothing going on, the ones who have been away the
 * longest are forgotten when there are too many; the totals of all keep what they did.
 */
export class RunStatisticsBook {
  readonly #mostOwners: number
  /** In the order in which they last started a run. */
  readonly #owners = new Map<string, OwnerCounts>()
  readonly #all = new Counts()

  constructor(mostOwners: number) {
    this.#mostOwners = mostOwners
  }

  /** Owners that something is kept of. */
  get owners(): number {
    return this.#owners.size
  }

  /** Of all owners together. Names nobody. */
  totals(): RunTotals {
    return this.#all.totals()
  }

  /** Of one owner, given in its canonical form. Zeros for one that is not known (any more). */
  of(owner: string): RunStatistics {
    const counts = this.#owners.get(owner) ?? new OwnerCounts()
    return {
      ...counts.totals(),
      queueWait: counts.queueWait.summary(),
      execution: counts.execution.summary(),
    }
  }

  /** Forgets what is counted of an owner, but for what goes on. */
  forget(owner: string): void {
    if (this.#owners.get(owner)?.busy === false) this.#owners.delete(owner)
  }

  /** Counts a run of this owner as queued. `clock` measures how long it executes. */
  enter(owner: string, clock: () => number): RunTally {
    return new Tally(this.#ownersCounts(owner), this.#all, clock)
  }

  #ownersCounts(owner: string): OwnerCounts {
    const counts = this.#owners.get(owner) ?? new OwnerCounts()
    this.#owners.delete(owner)
    this.#owners.set(owner, counts)
    if (this.#owners.size > this.#mostOwners) this.#forgetOldest(counts)
    return counts
  }

  #forgetOldest(newest: OwnerCounts): void {
    for (const [owner, counts] of this.#owners) {
      if (counts === newest || counts.busy) continue
      this.#owners.delete(owner)
      return
    }
  }
}

function endOf(status: RunStatus): State {
  return status === 'completed' || status === 'cancelled' ? status : 'failed'
}

/** One run's way through the counts. Goes from state to state as a run may, and nowhere else. */
class Tally implements RunTally {
  readonly #mine: OwnerCounts
  readonly #all: Counts
  readonly #clock: () => number
  #status: RunStatus = 'queued'
  #since = 0

  constructor(mine: OwnerCounts, all: Counts, clock: () => number) {
    this.#mine = mine
    this.#all = all
    this.#clock = clock
    mine.states.queued += 1
    all.states.queued += 1
  }

  started(queuedMs: number): void {
    this.#move('running', advance(this.#status, 'running'))
    this.#since = this.#clock()
    this.#mine.queueWait.add(queuedMs)
  }

  ended(terminal: TerminalDraft): void {
    const hasRun = this.#status === 'running'
    const next = statusAfter(this.#status, terminal.type)
    const late = terminal.type === 'agent_error' && deadlines.has(terminal.data.error.code)
    this.#move(late ? 'timedOut' : endOf(next), next)
    if (hasRun) this.#mine.execution.add(this.#clock() - this.#since)
  }

  abandoned(): void {
    if (this.#status !== 'queued') return
    this.#status = 'cancelled'
    this.#mine.states.queued -= 1
    this.#all.states.queued -= 1
  }

  orphaned(until: Promise<unknown>): void {
    const both = [this.#mine, this.#all]
    for (const counts of both) counts.orphans += 1
    const ended = (): void => {
      for (const counts of both) counts.orphans -= 1
    }
    until.then(ended, ended)
  }

  #move(to: State, next: RunStatus): void {
    const from = this.#status === 'running' ? 'running' : 'queued'
    this.#status = next
    this.#mine.states[from] -= 1
    this.#mine.states[to] += 1
    this.#all.states[from] -= 1
    this.#all.states[to] += 1
  }
}
