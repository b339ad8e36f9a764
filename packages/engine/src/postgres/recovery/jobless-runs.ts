import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { Failure } from '../../errors/failure.ts'
import type { EngineLogger } from '../../logger.ts'
import { isStoreFailure } from '../../store/store-failure.ts'
import { fromKeyText } from '../database/key-text.ts'
import { logFailure } from '../database/log-failure.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import type { JobQueue } from '../queue/job-queue.ts'
import type { EndedOverdue } from '../queue/overdue-runs.ts'
import { endRun } from '../queue/taken-run.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { RepeatedLook } from './repeated-look.ts'

const mostAtOnce = 200

const lost: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run was lost: nobody executes it, and it is not in the queue any more.',
}

const stored = z.string().transform(fromKeyText)
const unattendedRow = z.object({
  tenant: stored,
  user_id: stored,
  run_id: stored,
  agent: stored,
  thread_id: stored.nullable(),
  request_id: stored,
  created_at: z.string(),
  attempt: z.int(),
  job_id: z.string(),
  place: z.coerce.number(),
})
type Unattended = z.output<typeof unattendedRow>

export interface JoblessRunsOptions {
  readonly store: PostgresStore
  readonly jobs: JobQueue
  /** Its thread is to go on. */
  readonly onEnded: (ended: EndedOverdue) => Promise<void>
  readonly logger: EngineLogger | undefined
  /** Milliseconds between two looks. Default 5,000. */
  readonly everyMs?: number | undefined
  /** Milliseconds for which a run must have stood still, and then be seen without a job. Default 30,000. */
  readonly quietMs?: number | undefined
}

/**
 * Ends runs whose job is gone, as where somebody has deleted its row or changed it: nothing else would ever begin or end them.
 * Only what has no job, and no worker whose process shows life or holds its session, for as long as it is watched; and
 * only the very attempt that was watched. Whatever is taken or put back meanwhile is another one, and goes on.
 */
export class JoblessRuns {
  readonly #options: JoblessRunsOptions
  readonly #quietMs: number
  readonly #repeated: RepeatedLook
  /** Since when each was seen without a job, by the run's place, its attempt and its job. */
  #suspects = new Map<string, number>()
  #next = new Map<string, number>()
  #past = 0

  constructor(options: JoblessRunsOptions) {
    const { everyMs = 5_000, quietMs = 30_000 } = options
    this.#options = options
    this.#quietMs = quietMs
    this.#repeated = new RepeatedLook(() => this.#look(), everyMs)
  }

  /** Resolves when it looks no more. */
  stop(): Promise<void> {
    return this.#repeated.stop()
  }

  /** Looks at some more of the runs; at the end begins anew. */
  async #look(): Promise<void> {
    const { store, jobs, logger } = this.#options
    try {
      const rows = await store.parts.database.transaction(undefined, (sql) =>
        sql(`SELECT * FROM unattended_runs($1, $2 * interval '1 millisecond', $3)`, [
          this.#past,
          this.#quietMs,
          mostAtOnce,
        ]),
      )
      const unattended = rows.map((row) => unattendedRow.parse(row))
      const jobless = await jobs.withoutJob(
        unattended.map((run) => ({ ...run, jobId: run.job_id, runId: run.run_id })),
      )
      for (const run of jobless) if (this.#isOverdue(run)) await this.#end(run)
      this.#past = unattended.at(-1)?.place ?? 0
      if (unattended.length === mostAtOnce) return
      this.#past = 0
      this.#suspects = this.#next
      this.#next = new Map()
    } catch (error) {
      logFailure(logger, error, 'runs without a job could not be looked for')
    }
  }

  #isOverdue({ place, attempt, job_id }: Unattended): boolean {
    const key = `${place} ${attempt} ${job_id}`
    const now = performance.now()
    const since = this.#suspects.get(key) ?? now
    this.#next.set(key, since)
    return now - since >= this.#quietMs
  }

  async #end(run: Unattended): Promise<void> {
    const { store, onEnded } = this.#options
    const owner = ownerOfRow(run)
    const threadId = run.thread_id ?? undefined
    const { run_id: runId, agent, request_id: requestId, created_at: createdAt, attempt } = run
    try {
      await endRun(
        store,
        { owner, runId, agent, threadId, requestId, createdAt, attempt },
        { error: lost },
      )
    } catch (error) {
      // Somebody has taken it meanwhile, or has ended it.
      if (EngineError.is(error) && !isStoreFailure(error)) return
      throw error
    }
    await onEnded({ owner, jobId: undefined, threadId })
  }
}
