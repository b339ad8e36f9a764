import { canonicalOwner, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { DurableEvent, UnnumberedEvent } from '../events/agent-event.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { assertSystem } from '../system/system-scope.ts'
import { KeptRuns, type MemoryRunStoreLimits } from './kept-runs.ts'
import { holdRuns } from './runs-in-memory.ts'
import type { MemoryRun } from './memory-run.ts'
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
 * Keeps runs in the memory of this process: bounded, gone with the process. A crash loses them without a
 * terminal event; only a durable store promises one.
 */
export class MemoryRunStore implements RunStore {
  readonly #kept: KeptRuns

  constructor(limits: Partial<MemoryRunStoreLimits> = {}) {
    this.#kept = new KeptRuns(limits)
    holdRuns(this, this.#kept)
  }

  /** Characters of JSON that the events kept now take, of all owners. */
  get characters(): number {
    return this.#kept.characters
  }

  async create(run: NewRun): Promise<void> {
    this.#kept.add(ownerKey(), run)
  }

  async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    return this.#kept.append(ownerKey(), runId, events)
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    return this.#find(runId)?.record
  }

  async list({ limit = 20, before, threadId }: RunPageOptions = {}): Promise<RunPage> {
    checkedLimit('limit', limit, 1)
    const newestFirst = this.#kept.of(ownerKey()).toReversed()
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
    this.#kept.remove(run)
    return true
  }

  /** Whether the current owner's run can no longer do anything. What is not there cannot, either. */
  hasEnded(runId: string): boolean {
    return this.#find(runId)?.ended ?? true
  }

  /** For the system scope: what is kept of all. */
  get runs(): number {
    return this.#kept.count
  }

  owners(): Iterable<string> {
    return this.#kept.owners()
  }

  /** Removes what is kept of an owner, also of what goes on: whoever asks has ended it before. */
  forget(owner: Owner): { runs: number; events: number } {
    assertSystem('forget')
    const owned = this.#kept.of(canonicalOwner(owner))
    const events = owned.reduce((count, run) => count + run.events, 0)
    for (const run of owned) this.#kept.remove(run)
    return { runs: owned.length, events }
  }

  clear(): void {
    this.#kept.clear()
  }

  #find(runId: string): MemoryRun | undefined {
    return this.#kept.find(ownerKey(), runId)
  }
}
