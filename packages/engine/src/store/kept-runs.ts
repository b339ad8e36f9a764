import { EngineError } from '../errors/engine-error.ts'
import { isTerminal, type DurableEvent, type UnnumberedEvent } from '../events/agent-event.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { MemoryRun } from './memory-run.ts'
import { notFound } from './not-found.ts'
import { OwnedRuns } from './owned-runs.ts'
import type { NewRun } from './run-store.ts'

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

/** Runs in memory under their owner (I8), within the limits. Owners are canonical. */
export class KeptRuns {
  readonly #limits: MemoryRunStoreLimits
  readonly #owners = new Map<string, OwnedRuns>()
  /** Every run, oldest first, with the runs it is kept among. */
  readonly #byAge = new Map<MemoryRun, OwnedRuns>()
  #characters = 0

  /** Throws TypeError for a limit that is none. */
  constructor(limits: Partial<MemoryRunStoreLimits>) {
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  /** Characters of JSON that their events take. */
  get characters(): number {
    return this.#characters
  }

  get count(): number {
    return this.#byAge.size
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  /** Oldest first. */
  of(owner: string): MemoryRun[] {
    return [...(this.#owners.get(owner)?.runs.values() ?? [])]
  }

  find(owner: string, runId: string): MemoryRun | undefined {
    return this.#owners.get(owner)?.runs.get(runId)
  }

  add(owner: string, run: NewRun): void {
    const owned = this.#owners.get(owner) ?? new OwnedRuns(owner)
    if (owned.runs.has(run.runId)) throw new Error(`The run "${run.runId}" exists already`)
    this.#owners.set(owner, owned)
    const created = new MemoryRun(run, this.#limits.eventsPerRun)
    owned.runs.set(run.runId, created)
    this.#byAge.set(created, owned)
    this.#keepRuns(owned, created)
  }

  /** Throws `RUN_NOT_FOUND` and `RUN_ENDED`; then nothing was added. */
  append(
    owner: string,
    runId: string,
    events: readonly UnnumberedEvent[],
  ): readonly DurableEvent[] {
    const owned = this.#owners.get(owner)
    const run = owned?.runs.get(runId)
    if (owned === undefined || run === undefined) throw notFound(runId)
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

  remove(run: MemoryRun): void {
    const owned = this.#byAge.get(run)
    if (owned === undefined) return
    this.#byAge.delete(run)
    owned.runs.delete(run.runId)
    this.#count(owned, -run.characters)
    if (owned.runs.size === 0) this.#owners.delete(owned.owner)
    run.wake()
  }

  clear(): void {
    this.#owners.clear()
    this.#byAge.clear()
    this.#characters = 0
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
      this.remove(run)
      return true
    }
    return false
  }
}
