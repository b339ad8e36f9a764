import { canonicalOwner, currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { UnnumberedEvent } from '../events/agent-event.ts'
import { statusAfter } from './run-status.ts'
import type { RunPage, RunRecord, RunStore } from '../store/run-store.ts'

/** Ends that are remembered; beyond it the oldest is not. */
const mostEnds = 1_000

/**
 * Ends of runs that the store did not take when they ended. Whoever asks for such a run is told how it ended, and the
 * end is stored then, if it can be: no run says for ever that it goes on. Indexed by owner first (I8); gone with the
 * process, as what was not stored is.
 */
export class LostEnds {
  readonly #runs: RunStore
  /** By owner and run, the oldest first. A canonical owner says where it ends. */
  readonly #ends = new Map<string, readonly UnnumberedEvent[]>()

  constructor(runs: RunStore) {
    this.#runs = runs
  }

  remember(owner: string, runId: string, events: readonly UnnumberedEvent[]): void {
    this.#ends.set(`${owner}${runId}`, events)
    const [oldest] = this.#ends.keys()
    if (this.#ends.size > mostEnds && oldest !== undefined) this.#ends.delete(oldest)
  }

  /** The current owner's run as it is now; undefined where they have none of that id. */
  async get(runId: string): Promise<RunRecord | undefined> {
    await this.store(runId)
    const record = await this.#runs.get(runId)
    return record === undefined ? undefined : this.#told(record)
  }

  /** A page of the current owner's runs as they are now. */
  async page(page: RunPage): Promise<RunPage> {
    if (this.#ends.size === 0) return page
    const runs: RunRecord[] = []
    for (const record of page.runs) {
      const lost = this.#ends.has(keyOf(record.runId))
      runs.push(lost ? ((await this.get(record.runId)) ?? record) : record)
    }
    return { ...page, runs }
  }

  /** Stores the end of the current owner's run, where it was lost. Never rejects: it is tried again. */
  async store(runId: string): Promise<void> {
    const key = keyOf(runId)
    const events = this.#ends.get(key)
    if (events === undefined) return
    try {
      await this.#runs.append(runId, events)
    } catch (error) {
      // It was stored after all, or the run is not there any more.
      if (!EngineError.is(error) || !['RUN_ENDED', 'RUN_NOT_FOUND'].includes(error.code)) return
    }
    this.#ends.delete(key)
  }

  /** Of an owner who is forgotten, nothing is told any more. A canonical owner says where it ends. */
  forget(owner: string): void {
    for (const key of this.#ends.keys()) if (key.startsWith(owner)) this.#ends.delete(key)
  }

  /** A record that is older than the end which could not be stored. */
  #told(record: RunRecord): RunRecord {
    const terminal = this.#ends.get(keyOf(record.runId))?.at(-1)
    return terminal === undefined || record.endedAt !== undefined
      ? record
      : endedBy(record, terminal)
  }
}

function keyOf(runId: string): string {
  return `${canonicalOwner(currentScope().owner)}${runId}`
}

function endedBy(record: RunRecord, { type, at, data }: UnnumberedEvent): RunRecord {
  return Object.freeze({
    ...record,
    status: statusAfter(record.status, type),
    endedAt: at,
    ...(type === 'agent_completed' ? { result: data.result } : {}),
    ...(type === 'agent_error' ? { error: data.error } : {}),
  })
}
