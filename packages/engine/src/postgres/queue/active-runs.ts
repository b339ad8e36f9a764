import { sameOwner, type Owner } from '@ringfence/context'
import * as z from 'zod'
import type { EngineLogger } from '../../logger.ts'
import { fromKeyText } from '../database/key-text.ts'
import { logFailure } from '../database/log-failure.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { leaveRun, type ActiveRun } from './active-run.ts'
import type { ClaimedJob, JobQueue } from './job-queue.ts'
import { newestAttempt } from './newest-attempt.ts'

const stored = z.string().transform(fromKeyText)
const cancellationRow = z.object({
  tenant: stored,
  user_id: stored,
  run_id: stored,
  attempt: z.int(),
  cancel_reason: z.enum(['caller', 'disconnect', 'shutdown', 'replaced']),
})

interface ActiveRunsParts {
  /** The id by which other processes ask this one to cancel. */
  readonly worker: string
  readonly store: PostgresStore
  readonly jobs: JobQueue
  readonly logger: EngineLogger | undefined
}

/** The runs that a worker executes: says that they live, and hears which of them are to end. */
export class ActiveRuns {
  readonly #parts: ActiveRunsParts
  readonly #active = new Map<string, ActiveRun>()
  #idle: (() => void) | undefined

  constructor(parts: ActiveRunsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#active.size
  }

  all(): readonly ActiveRun[] {
    return [...this.#active.values()]
  }

  add(job: ClaimedJob, owner: Owner, runId: string): ActiveRun {
    const active: ActiveRun = {
      job,
      owner,
      runId,
      attempt: 0,
      control: undefined,
      cancelled: undefined,
      left: false,
    }
    this.#active.set(keyOf(job), active)
    return active
  }

  remove({ job }: ActiveRun): void {
    this.#active.delete(keyOf(job))
    if (this.#active.size === 0) this.#idle?.()
  }

  /** Resolves when there is none any more, at the latest after `mostMs`. */
  async untilNone(mostMs: number): Promise<void> {
    if (this.#active.size === 0) return
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      timer = setTimeout(resolve, mostMs)
    })
    clearTimeout(timer)
  }

  /** Says that all of them live, and leaves those that have ended or gone on elsewhere. */
  async touch(): Promise<void> {
    const { store, jobs, logger } = this.#parts
    const active = this.all()
    try {
      if (await jobs.touch(active.map(({ job }) => job))) return
      // One that says nothing would not be told otherwise that its run has ended elsewhere.
      for (const each of active) {
        const { attempt } = each
        if (attempt > 0 && (await newestAttempt(store, each)) !== attempt) leaveRun(each)
      }
    } catch (error) {
      logFailure(logger, error, 'a heartbeat was lost')
    }
  }

  /** Cancels those for which that was asked, in whichever process. */
  async cancelAsked(): Promise<void> {
    if (this.#active.size === 0) return
    const { worker, store, logger } = this.#parts
    try {
      const rows = await store.parts.database.transaction(undefined, (sql) =>
        sql('SELECT * FROM cancellations($1)', [worker]),
      )
      for (const row of rows) {
        const cancellation = cancellationRow.parse(row)
        const { run_id, attempt, cancel_reason } = cancellation
        const owner = ownerOfRow(cancellation)
        for (const active of this.#active.values()) {
          if (active.runId !== run_id || active.attempt !== attempt) continue
          if (!sameOwner(active.owner, owner)) continue
          active.cancelled ??= cancel_reason
          active.control?.cancel(cancel_reason)
        }
      }
    } catch (error) {
      logFailure(logger, error, 'cancellations could not be read')
    }
  }
}

/** The same job can be delivered here again while its earlier delivery is still at work. */
function keyOf({ id, retryCount }: ClaimedJob): string {
  return `${id} ${retryCount}`
}
