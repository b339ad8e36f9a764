import { canonicalOwner, currentScope, type Scope } from '@ringfence/context'
import type { UnnumberedEvent } from '../events/agent-event.ts'
import type { WaitingOver } from '../idempotency/run-outcome.ts'
import type { RunPage, RunRecord, RunStore } from '../store/run-store.ts'
import { statusAfter } from './run-status.ts'
import { eitherOver, storeEnd, untilDone } from './store-end.ts'

/** Ends that are remembered; beyond it the oldest is not. */
const mostEnds = 1_000

/**
 * Ends of runs that the store did not take when they ended. Storing them is tried again until they are stored, and whoever
 * asks for such a run meanwhile is told how it ended: no run says for ever that it goes on. Indexed by owner first (I8); gone
 * with the process, as what was not stored is.
 */
export class LostEnds {
  readonly #runs: RunStore
  readonly #over: WaitingOver
  readonly #trying = new Set<Promise<unknown>>()
  /** By owner and run, the oldest first. A canonical owner says where it ends. */
  readonly #ends = new Map<string, readonly UnnumberedEvent[]>()

  /** `over` says when trying is over: when the engine closes. */
  constructor(runs: RunStore, over: WaitingOver) {
    this.#runs = runs
    this.#over = over
  }

  /** How many there are. */
  get size(): number {
    return this.#ends.size
  }

  /** To be called in a scope of the owner that is open: it is tried again in a root scope of theirs. */
  remember(scope: Scope, runId: string, events: readonly UnnumberedEvent[]): void {
    const key = `${canonicalOwner(scope.owner)}${runId}`
    this.#ends.set(key, events)
    const [oldest] = this.#ends.keys()
    if (this.#ends.size > mostEnds && oldest !== undefined) this.#ends.delete(oldest)
    const trying = scope.detach('store the end of a run', { deadlineMs: Infinity }, (own) =>
      untilDone(
        async () => {
          if (!own.signal.aborted) await this.store(runId)
          return own.signal.aborted || !this.#ends.has(key)
        },
        eitherOver(this.#over, endOf(own)),
      ),
    )
    this.#trying.add(trying)
    const forget = (): void => void this.#trying.delete(trying)
    trying.then(forget, forget)
  }

  /** Resolves when nothing is tried any more. To be called when trying is over. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#trying)
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
    if (await storeEnd(this.#runs, runId, events)) this.#ends.delete(key)
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

/** Whose owner is revoked has nothing stored any more. */
function endOf(scope: Scope): WaitingOver {
  return {
    get reason() {
      return scope.signal.aborted ? new Error('The owner was revoked') : undefined
    },
    onOver: (listener) => scope.onAbort(listener),
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
