import { canonicalOwner, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { isTerminal, type DurableEvent, type UnnumberedEvent } from '../events/agent-event.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'
import { assertSystem } from '../system/system-scope.ts'
import { MemoryRun } from './memory-run.ts'
import { notFound } from './not-found.ts'
import { OwnedRuns } from './owned-runs.ts'
import { ownerKey } from './owner-key.ts'
import type {
  EventBatch,
  NewRun,
  RunPage,
  RunPageOptions,
  RunRecord,
  RunStore,
} from './run-store.ts'

/**
 * How much the memory store keeps. What is beyond is forgotten, oldest run first, and never a run that goes on:
 * of that one the oldest events are, when nothing else can go.
 */
export interface MemoryRunStoreLimits {
  /** Runs of one owner. Default 200. */
  readonly runsPerOwner: number
  /** Runs in all. Default 10,000. */
  readonly runs: number
  /** Events of one run; older ones are forgotten, and a cursor before them gets `CURSOR_EVICTED`. Default 10,000. */
  readonly eventsPerRun: number
  /** Characters of JSON that the events of one owner's runs may take. Default 16 Mi. */
  readonly charactersPerOwner: number
  /** Characters of JSON that the events of all runs may take. Default 128 Mi. */
  readonly characters: number
}

const defaults: MemoryRunStoreLimits = Object.freeze({
  runsPerOwner: 200,
  runs: 10_000,
  eventsPerRun: 10_000,
  charactersPerOwner: 16_777_216,
  characters: 134_217_728,
})

let createInMemory: (store: RunStore, run: NewRun) => boolean
let appendInMemory: (
  store: RunStore,
  runId: string,
  events: readonly UnnumberedEvent[],
) => readonly DurableEvent[] | undefined

/**
 * Keeps runs in the memory of this process: bounded, gone with the process. A crash loses them without a
 * terminal event; only a durable store promises one.
 */
export class MemoryRunStore implements RunStore {
  readonly #limits: MemoryRunStoreLimits
  readonly #owners = new Map<string, OwnedRuns>()
  /** Every run, oldest first, with the runs it is kept among. */
  readonly #byAge = new Map<MemoryRun, OwnedRuns>()
  #characters = 0

  constructor(limits: Partial<MemoryRunStoreLimits> = {}) {
    this.#limits = Object.freeze({ ...defaults, ...withoutUndefined(limits) })
    for (const [name, value] of Object.entries(this.#limits)) checkedLimit(name, value, 1)
  }

  /** Characters of JSON that the events kept now take, of all owners. */
  get characters(): number {
    return this.#characters
  }

  async create(run: NewRun): Promise<void> {
    this.#create(run)
  }

  async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    return this.#append(runId, events)
  }

  static {
    // oxlint-disable typescript/unbound-method -- compared, not called
    createInMemory = (store, run) => {
      if (!(#owners in store) || store.create !== MemoryRunStore.prototype.create) return false
      store.#create(run)
      return true
    }
    appendInMemory = (store, runId, events) => {
      if (!(#owners in store) || store.append !== MemoryRunStore.prototype.append) return undefined
      return store.#append(runId, events)
    }
    // oxlint-enable typescript/unbound-method
  }

  #create(run: NewRun): void {
    const owner = ownerKey()
    const owned = this.#owners.get(owner) ?? new OwnedRuns(owner)
    if (owned.runs.has(run.runId)) throw new Error(`The run "${run.runId}" exists already`)
    this.#owners.set(owner, owned)
    const created = new MemoryRun(run, this.#limits.eventsPerRun)
    owned.runs.set(run.runId, created)
    this.#byAge.set(created, owned)
    this.#keepRuns(owned, created)
  }

  #append(runId: string, events: readonly UnnumberedEvent[]): readonly DurableEvent[] {
    const run = this.#find(runId)
    const owned = run === undefined ? undefined : this.#byAge.get(run)
    if (run === undefined || owned === undefined) throw notFound(runId)
    if (run.ended) {
      throw new EngineError(
        'RUN_ENDED',
        `The run "${runId}" has ended; nothing can be added to it.`,
      )
    }
    if (events.length > 1 && events.slice(0, -1).some(isTerminal)) {
      throw new EngineError('RUN_ENDED', 'A terminal event must be the last one of a run.')
    }
    const before = run.characters
    const numbered = run.append(events)
    this.#count(owned, run.characters - before)
    if (run.ended) this.#keepRuns(owned, run)
    this.#keepCharacters(owned, run)
    return numbered
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    return this.#find(runId)?.record
  }

  async list({ limit = 20, before, threadId }: RunPageOptions = {}): Promise<RunPage> {
    checkedLimit('limit', limit, 1)
    const newestFirst = [...(this.#owners.get(ownerKey())?.runs.values() ?? [])].toReversed()
    const start =
      before === undefined ? 0 : newestFirst.findIndex(({ record }) => record.runId === before) + 1
    // A cursor that is not (or no longer) there: what follows it is unknown, so there is nothing to show.
    if (before !== undefined && start === 0) return { runs: [] }
    const wanted = newestFirst
      .slice(start)
      .filter(({ record }) => threadId === undefined || record.threadId === threadId)
    const runs = wanted.slice(0, Math.min(limit, 100)).map(({ record }) => record)
    const more = runs.length < wanted.length
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

  async delete(runId: string): Promise<boolean> {
    const run = this.#find(runId)
    if (run === undefined) return false
    if (!run.ended) {
      throw new EngineError(
        'RUN_GOES_ON',
        `The run "${runId}" has not ended. Cancel it before it is deleted.`,
      )
    }
    this.#remove(run)
    return true
  }

  /** Whether the current owner's run can no longer do anything. What is not there cannot, either. */
  hasEnded(runId: string): boolean {
    return this.#find(runId)?.ended ?? true
  }

  /** For the system scope: what is kept of all. */
  get runs(): number {
    return this.#byAge.size
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  /** Removes what is kept of an owner, also of what goes on: whoever asks has ended it before. */
  forget(owner: Owner): { runs: number; events: number } {
    assertSystem('forget')
    const owned = [...(this.#owners.get(canonicalOwner(owner))?.runs.values() ?? [])]
    const events = owned.reduce((count, run) => count + run.events, 0)
    for (const run of owned) this.#remove(run)
    return { runs: owned.length, events }
  }

  clear(): void {
    this.#owners.clear()
    this.#byAge.clear()
    this.#characters = 0
  }

  #find(runId: string): MemoryRun | undefined {
    return this.#owners.get(ownerKey())?.runs.get(runId)
  }

  #keepRuns(owned: OwnedRuns, newest: MemoryRun): void {
    const { runsPerOwner, runs } = this.#limits
    while (owned.runs.size > runsPerOwner && this.#forgetOldest(owned.runs.values(), newest));
    while (this.#byAge.size > runs && this.#forgetOldest(this.#byAge.keys(), newest));
  }

  #keepCharacters(owned: OwnedRuns, writing: MemoryRun): void {
    const { charactersPerOwner, characters } = this.#limits
    if (owned.characters <= charactersPerOwner && this.#characters <= characters) return
    const own = (): number => owned.characters - charactersPerOwner
    while (own() > 0 && this.#forgetOldest(owned.runs.values(), writing));
    if (own() > 0) this.#forgetEvents(owned, writing, own())
    const all = (): number => this.#characters - characters
    while (all() > 0 && this.#forgetOldest(this.#byAge.keys(), writing));
    if (all() > 0) this.#forgetEvents(owned, writing, all())
  }

  #forgetEvents(owned: OwnedRuns, run: MemoryRun, characters: number): void {
    const before = run.characters
    run.forgetEvents(characters)
    this.#count(owned, run.characters - before)
  }

  /** Keeps account of what the events of a run take. */
  #count(owned: OwnedRuns, characters: number): void {
    owned.characters += characters
    this.#characters += characters
  }

  /** Forgets the oldest of these runs that has ended, but for one. False where there is none to forget. */
  #forgetOldest(oldestFirst: Iterable<MemoryRun>, spared: MemoryRun): boolean {
    for (const run of oldestFirst) {
      if (!run.ended || run === spared) continue
      this.#remove(run)
      return true
    }
    return false
  }

  #remove(run: MemoryRun): void {
    const owned = this.#byAge.get(run)
    if (owned === undefined) return
    this.#byAge.delete(run)
    owned.runs.delete(run.record.runId)
    owned.characters -= run.characters
    this.#characters -= run.characters
    if (owned.runs.size === 0) this.#owners.delete(owned.owner)
    run.wake()
  }
}

/**
 * What `create` does, at once and without a promise, where the store is one of these and nothing stands before its
 * method: no proxy, no subclass. False where something does; then nothing was created.
 */
export function createNow(store: RunStore, run: NewRun): boolean {
  return createInMemory(store, run)
}

/** The same for `append`. Undefined where nothing was added. */
export function appendNow(
  store: RunStore,
  runId: string,
  events: readonly UnnumberedEvent[],
): readonly DurableEvent[] | undefined {
  return appendInMemory(store, runId, events)
}
