import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { describeFailure } from '../../errors/failure.ts'
import type { EngineLogger } from '../../logger.ts'
import { queueTimeout } from '../../scheduling/queue-timeout.ts'
import { fromKeyText } from '../database/key-text.ts'
import { logFailure } from '../database/log-failure.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { endRun } from './taken-run.ts'
import { RepeatedLook } from '../recovery/repeated-look.ts'

const everyMs = 1_000
const mostAtOnce = 200

const stored = z.string().transform(fromKeyText)
const overdueRow = z.object({
  tenant: stored,
  user_id: stored,
  run_id: stored,
  agent: stored,
  thread_id: stored.nullable(),
  request_id: stored,
  created_at: z.string(),
  attempt: z.int(),
  job_id: z.string().nullable(),
  queue_ms: z.number(),
})

/** What was ended: its job is to go, and its thread to go on. */
export interface EndedOverdue {
  readonly owner: Owner
  readonly jobId: string | undefined
  readonly threadId: string | undefined
}

/**
 * Ends the runs that waited for longer than they may, from any process that has the queue open: also where nobody
 * executes anything. What a worker takes at the same moment is the worker's, and it ends it.
 */
export class OverdueRuns {
  readonly #store: PostgresStore
  readonly #onEnded: (ended: EndedOverdue) => Promise<void>
  readonly #logger: EngineLogger | undefined
  readonly #repeated: RepeatedLook

  constructor(
    store: PostgresStore,
    onEnded: (ended: EndedOverdue) => Promise<void>,
    logger: EngineLogger | undefined,
  ) {
    this.#store = store
    this.#onEnded = onEnded
    this.#logger = logger
    this.#repeated = new RepeatedLook(() => this.#look(), everyMs)
  }

  /** Resolves when it looks no more. */
  stop(): Promise<void> {
    return this.#repeated.stop()
  }

  async #look(): Promise<void> {
    try {
      const rows = await this.#store.parts.database.transaction(undefined, (sql) =>
        sql('SELECT * FROM overdue_runs($1)', [mostAtOnce]),
      )
      for (const row of rows) await this.#end(overdueRow.parse(row))
    } catch (error) {
      logFailure(this.#logger, error, 'runs that waited for too long could not be ended')
    }
  }

  async #end(row: z.output<typeof overdueRow>): Promise<void> {
    const { run_id: runId, agent, attempt } = row
    const owner = ownerOfRow(row)
    const threadId = row.thread_id ?? undefined
    const { request_id: requestId, created_at: createdAt } = row
    const run = { owner, runId, agent, threadId, requestId, createdAt, attempt }
    try {
      await endRun(this.#store, run, { error: describeFailure(queueTimeout(row.queue_ms)) })
    } catch (error) {
      // Somebody has taken it meanwhile, or has ended it.
      if (EngineError.is(error) && ['ATTEMPT_OVER', 'RUN_ENDED'].includes(error.code)) return
      throw error
    }
    await this.#onEnded({ owner, jobId: row.job_id ?? undefined, threadId })
  }
}
