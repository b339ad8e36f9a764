import { canonicalOwner, currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { isTerminal, type DurableEvent, type UnnumberedEvent } from '../events/agent-event.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'
import { MemoryRun } from './memory-run.ts'
import { notFound } from './not-found.ts'
import type {
  EventBatch,
  NewRun,
  RunPage,
  RunPageOptions,
  RunRecord,
  RunStore,
} from './run-store.ts'

/** How much the memory store keeps. What is beyond is forgotten oldest first, and never while it runs. */
export interface MemoryRunStoreLimits {
  /** Runs of one owner. Default 200. */
  readonly runsPerOwner: number
  /** Runs in all. Default 10,000. */
  readonly runs: number
  /** Events of one run; older ones are forgotten, and a cursor before them gets `CURSOR_EVICTED`. Default 10,000. */
  readonly eventsPerRun: number
  /** Characters of JSON that the events of all runs may take. Default 128 Mi. */
  readonly characters: number
}

const defaults: MemoryRunStoreLimits = Object.freeze({
  runsPerOwner: 200,
  runs: 10_000,
  eventsPerRun: 10_000,
  characters: 134_217_728,
})

/**
 * Keeps runs in the memory of this process: bounded, gone with the process. A crash loses them without a
 * terminal event; only a durable store promises one.
 */
export class MemoryRunStore implements RunStore {
  readonly #limits: MemoryRunStoreLimits
  readonly #owners = new Map<string, Map<string, MemoryRun>>()
  /** Every run, oldest first, with the owner it is kept under. */
  readonly #byAge = new Map<MemoryRun, string>()
  #characters = 0

  constructor(limits: Partial<MemoryRunStoreLimits> = {}) {
    this.#limits = Object.freeze({ ...defaults, ...withoutUndefined(limits) })
    for (const [name, value] of Object.entries(this.#limits)) checkedLimit(name, value, 1)
  }

  async create(run: NewRun): Promise<void> {
    const owner = ownerKey()
    const runs = this.#owners.get(owner) ?? new Map<string, MemoryRun>()
    if (runs.has(run.runId)) throw new Error(`The run "${run.runId}" exists already`)
    this.#owners.set(owner, runs)
    const created = new MemoryRun(run, this.#limits.eventsPerRun)
    runs.set(run.runId, created)
    this.#byAge.set(created, owner)
    if (runs.size > this.#limits.runsPerOwner) this.#forgetOldest(runs.values())
    if (this.#byAge.size > this.#limits.runs) this.#forgetOldest(this.#byAge.keys())
  }

  async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    const run = this.#find(runId)
    if (run === undefined) throw notFound(runId)
    if (run.ended) {
      throw new EngineError(
        'RUN_ENDED',
        `The run "${runId}" has ended; nothing can be added to it.`,
      )
    }
    if (events.slice(0, -1).some(isTerminal)) {
      throw new EngineError('RUN_ENDED', 'A terminal event must be the last one of a run.')
    }
    const before = run.characters
    const numbered = run.append(events)
    this.#characters += run.characters - before
    while (this.#characters > this.#limits.characters) {
      if (!this.#forgetOldest(this.#byAge.keys())) break
    }
    return numbered
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    return this.#find(runId)?.record
  }

  async list({ limit = 20, before }: RunPageOptions = {}): Promise<RunPage> {
    checkedLimit('limit', limit, 1)
    const newestFirst = [...(this.#owners.get(ownerKey())?.values() ?? [])].toReversed()
    const start =
      before === undefined ? 0 : newestFirst.findIndex(({ record }) => record.runId === before) + 1
    // A cursor that is not (or no longer) there: what follows it is unknown, so there is nothing to show.
    if (before !== undefined && start === 0) return { runs: [] }
    const page = newestFirst.slice(start, start + Math.min(limit, 100))
    const more = start + page.length < newestFirst.length
    const runs = page.map(({ record }) => record)
    return more ? { runs, next: runs.at(-1)?.runId } : { runs }
  }

  async read(
    runId: string,
    after: number | undefined,
    limit: number,
  ): Promise<EventBatch | undefined> {
    return this.#find(runId)?.read(after, limit)
  }

  async watch(runId: string, wake: () => void): Promise<() => void> {
    return this.#find(runId)?.watch(wake) ?? (() => undefined)
  }

  async close(): Promise<void> {
    this.#owners.clear()
    this.#byAge.clear()
    this.#characters = 0
  }

  #find(runId: string): MemoryRun | undefined {
    return this.#owners.get(ownerKey())?.get(runId)
  }

  /** Forgets the oldest of these runs that has ended. False where none has. */
  #forgetOldest(oldestFirst: Iterable<MemoryRun>): boolean {
    for (const run of oldestFirst) {
      if (!run.ended) continue
      const owner = this.#byAge.get(run)
      this.#byAge.delete(run)
      this.#characters -= run.characters
      if (owner === undefined) return true
      const runs = this.#owners.get(owner)
      runs?.delete(run.record.runId)
      if (runs?.size === 0) this.#owners.delete(owner)
      return true
    }
    return false
  }
}

/** The owner of the current scope: the only one whose runs a call can reach. */
function ownerKey(): string {
  return canonicalOwner(currentScope().owner)
}
