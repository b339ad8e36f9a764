import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { QueuedRun } from '../../runs/run-queue.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import { asOwner, oneAtATime, type OwnerSql } from '../store/owner-transaction.ts'
import { insertRun } from '../store/postgres-run-store.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import type { JobQueue } from './job-queue.ts'
import { runJob, type RunJob } from './job.ts'
import { refuseIfQueueFull } from './queue-room.ts'
import { decideTurn, type ThreadTurnDecision } from './thread-turn.ts'
import { uuidV7 } from './uuid-v7.ts'

const ofRun = 'tenant = $1 AND user_id = $2 AND run_id = $3'

/** Rounds that one run takes of its owner's turns: of weight 1. Heavier owners take more turns in as many rounds. */
const roundsPerRun = 10

const placeRow = z.object({ waiting: z.int(), last: z.int().nullable(), round: z.int() })
const nextRow = z.object({ run_id: z.string(), job: z.string(), tag: z.int() })
const jobIdRow = z.object({ job: z.string(), tag: z.int() })

/** Runs on their way into the queue. */
export class QueuedRuns {
  readonly #store: PostgresStore
  readonly #jobs: JobQueue

  constructor(store: PostgresStore, jobs: JobQueue) {
    this.#store = store
    this.#jobs = jobs
  }

  /** Stores a run and its job, in one step, in the place that its owner's turns and its thread give it. */
  async add(owner: Owner, run: QueuedRun, job: RunJob): Promise<ThreadTurnDecision> {
    const { database } = this.#store.parts
    return asOwner(database, owner, async (statements) => {
      await oneAtATime(statements, 'queue')
      const turn = await decideTurn(statements, run)
      if (turn.joins !== undefined) return turn
      const tag = await place(statements, run)
      await refuseIfQueueFull(statements, run.queue)
      const jobId = uuidV7()
      const input = JSON.stringify({ input: run.input, depth: run.depth })
      await insertRun(statements, run, null, { input, jobId })
      await statements.sql(
        `UPDATE runs SET tag = $4, job = $5, held = $6, queue_ms = $7,
          queued_until = now() + $7::double precision * interval '1 millisecond'
        WHERE ${ofRun}`,
        [
          ...statements.key,
          toKeyText(run.runId),
          tag,
          JSON.stringify(job),
          turn.held,
          Number.isFinite(run.queueMs) ? run.queueMs : null,
        ],
      )
      if (!turn.held) await this.#jobs.send(statements, { jobId, owner, job, tag })
      return turn
    })
  }

  /** Sends the next run of a thread, if the thread is free. */
  async sendNext(owner: Owner, threadId: string): Promise<boolean> {
    const { database } = this.#store.parts
    return asOwner(database, owner, async (statements) => {
      const { key, sql } = statements
      await oneAtATime(statements, 'queue')
      const [row] = await sql(
        `SELECT run_id, job, tag FROM runs
        WHERE tenant = $1 AND user_id = $2 AND thread_id = $3 AND held AND ended_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.tenant = $1 AND o.user_id = $2 AND o.thread_id = $3
            AND o.ended_at IS NULL AND NOT o.held)
        ORDER BY position LIMIT 1`,
        [...key, toKeyText(threadId)],
      )
      if (row === undefined) return false
      const { run_id, job, tag } = nextRow.parse(row)
      const jobId = uuidV7()
      await sql(`UPDATE runs SET held = false, job_id = $4, delivered = -1 WHERE ${ofRun}`, [
        ...key,
        run_id,
        jobId,
      ])
      await this.#jobs.send(statements, { jobId, owner, job: runJob.parse(JSON.parse(job)), tag })
      return true
    })
  }

  /** Queues an attempt's run again, at its old place: this one ends with it. False where it had ended already. */
  async putBack(owner: Owner, runId: string, attempt: number): Promise<boolean> {
    const { database } = this.#store.parts
    return asOwner(database, owner, async (statements) => {
      const { key, sql } = statements
      const jobId = uuidV7()
      const [row] = await sql(
        `UPDATE runs SET attempt = attempt + 1, worker = NULL, job_id = $5, delivered = -1
        WHERE ${ofRun} AND attempt = $4 AND ended_at IS NULL AND job IS NOT NULL RETURNING job, tag`,
        [...key, toKeyText(runId), attempt, jobId],
      )
      if (row === undefined) return false
      const { job, tag } = jobIdRow.parse(row)
      await this.#jobs.send(statements, { jobId, owner, job: runJob.parse(JSON.parse(job)), tag })
      return true
    })
  }

  /** Sends what waits in threads that nobody is going on in: whoever should have sent it is gone. */
  async sendForgotten(): Promise<void> {
    const { database } = this.#store.parts
    const rows = await database.transaction(undefined, (sql) =>
      sql('SELECT * FROM idle_threads(100)'),
    )
    for (const row of rows) {
      const thread = threadRow.parse(row)
      await this.sendNext(ownerOfRow(thread), thread.thread_id)
    }
  }
}

const stored = z.string().transform(fromKeyText)
const threadRow = z.object({ tenant: stored, user_id: stored, thread_id: stored })

/**
 * The round in which a run's turn comes: after its owner's other runs, and not before the round that is being served.
 * So owners take turns however many runs one of them queues, and nobody saves turns up. Throws `OWNER_QUEUE_FULL`.
 */
async function place({ key, sql }: OwnerSql, { ownerQueue, weight }: QueuedRun): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) FILTER (WHERE status = 'queued')::integer AS waiting,
      max(tag) FILTER (WHERE status = 'queued') AS last, queue_round() AS round
    FROM runs WHERE tenant = $1 AND user_id = $2 AND ended_at IS NULL AND job_id IS NOT NULL`,
    key,
  )
  const { waiting, last, round } = placeRow.parse(row)
  if (waiting >= ownerQueue) {
    throw new EngineError(
      'OWNER_QUEUE_FULL',
      `You have ${waiting} runs waiting; no more can be queued. Try again when one of them has begun.`,
      { retryAfterMs: 1_000 },
    )
  }
  const step = Math.max(1, Math.round(roundsPerRun / weight))
  return last === null ? round : Math.max(round, last + step)
}
