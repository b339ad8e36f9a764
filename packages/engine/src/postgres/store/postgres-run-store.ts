import { currentScope } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { DurableEvent, UnnumberedEvent } from '../../events/agent-event.ts'
import { checkedLimit } from '../../internal/checked-limit.ts'
import type {
  EventBatch,
  NewRun,
  RunPage,
  RunPageOptions,
  RunRecord,
  RunStore,
} from '../../store/run-store.ts'
import type { Database } from '../database/database.ts'
import { toKeyText } from '../database/key-text.ts'
import { appendEvents } from './append-events.ts'
import { eventOf } from './event-row.ts'
import type { HeldAttempts } from './held-attempts.ts'
import { asCurrentOwner, type OwnerSql } from './owner-transaction.ts'
import { runColumns, runRecordOf } from './run-row.ts'
import type { WakeUps } from './wake-ups.ts'

export interface PostgresRunStoreOptions {
  readonly database: Database
  readonly wakeUps: WakeUps
  readonly attempts: HeldAttempts
  /** The process that executes what is made here, unless the queue hands it to another. */
  readonly worker: string
  /** Milliseconds that pieces of text may wait for more. */
  readonly batchMs: number
}

const ofRun = 'tenant = $1 AND user_id = $2 AND run_id = $3'

const batchRow = z.object({
  first_seq: z.int(),
  last_seq: z.int(),
  ended: z.boolean(),
})

/** Runs and their events in PostgreSQL. */
export class PostgresRunStore implements RunStore {
  readonly batchMs: number
  readonly #options: PostgresRunStoreOptions

  constructor(options: PostgresRunStoreOptions) {
    this.batchMs = options.batchMs
    this.#options = options
  }

  async create(run: NewRun): Promise<void> {
    const { database, worker } = this.#options
    await asCurrentOwner(database, (statements) => insertRun(statements, run, worker))
  }

  async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    const { owner } = currentScope()
    const attempt = this.#options.attempts.of(owner, runId)
    return appendEvents(this.#options, { owner, runId, attempt }, events)
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    const [row] = await asCurrentOwner(this.#options.database, ({ key, sql }) =>
      sql(`SELECT ${runColumns} FROM runs WHERE ${ofRun}`, [...key, toKeyText(runId)]),
    )
    return row === undefined ? undefined : runRecordOf(row)
  }

  async list({ limit = 20, before, threadId }: RunPageOptions = {}): Promise<RunPage> {
    checkedLimit('limit', limit, 1)
    const most = Math.min(limit, 100)
    const rows = await asCurrentOwner(this.#options.database, ({ key, sql }) =>
      sql(
        `SELECT ${runColumns} FROM runs
        WHERE tenant = $1 AND user_id = $2 AND ($3::text IS NULL OR position < (
          SELECT position FROM runs WHERE ${ofRun}))
          AND ($5::text IS NULL OR thread_id = $5)
        ORDER BY position DESC LIMIT $4`,
        [
          ...key,
          before === undefined ? null : toKeyText(before),
          most + 1,
          threadId === undefined ? null : toKeyText(threadId),
        ],
      ),
    )
    const runs = rows.slice(0, most).map(runRecordOf)
    return rows.length > most ? { runs, next: runs.at(-1)?.runId } : { runs }
  }

  async read(
    runId: string,
    after: number | undefined,
    limit: number,
  ): Promise<EventBatch | undefined> {
    const next = (after ?? -1) + 1
    return asCurrentOwner(this.#options.database, async ({ key, sql }) => {
      const run = [...key, toKeyText(runId)]
      const [found] = await sql(
        `SELECT first_seq, last_seq, ended_at IS NOT NULL AS ended FROM runs WHERE ${ofRun}`,
        run,
      )
      if (found === undefined) return undefined
      const { first_seq: oldest, last_seq: newest, ended } = batchRow.parse(found)
      if (next < oldest) throw evicted(runId, oldest)
      // What was added since the run was read belongs to the next batch: `ended` speaks of this one.
      const rows = await sql(
        `SELECT seq, event FROM events WHERE ${ofRun} AND seq >= $4 AND seq <= $5 ORDER BY seq LIMIT $6`,
        [...run, next, newest, limit],
      )
      const events = rows.map(eventOf)
      const last = events.at(-1)?.seq ?? next - 1
      return { events, ended: ended && last >= newest }
    })
  }

  async watch(runId: string, wake: () => void): Promise<() => void> {
    return this.#options.wakeUps.watch('run', currentScope().owner, runId, wake)
  }

  async delete(runId: string): Promise<boolean> {
    const { database, wakeUps } = this.#options
    const { owner } = currentScope()
    const deleted = await asCurrentOwner(database, async ({ key, sql }) => {
      const run = [...key, toKeyText(runId)]
      const rows = await sql(
        `DELETE FROM runs WHERE ${ofRun} AND ended_at IS NOT NULL RETURNING run_id`,
        run,
      )
      if (rows.length > 0) return true
      const [goesOn] = await sql(`SELECT run_id FROM runs WHERE ${ofRun}`, run)
      if (goesOn === undefined) return false
      throw new EngineError(
        'RUN_GOES_ON',
        `The run "${runId}" has not ended. Cancel it before it is deleted.`,
      )
    })
    if (deleted) wakeUps.wake('run', owner, runId)
    return deleted
  }
}

/** Adds a queued run. */
export async function insertRun(
  { key, sql }: OwnerSql,
  run: NewRun,
  worker: string | null,
  job?: { readonly input: string; readonly jobId: string },
): Promise<void> {
  const rows = await sql(
    `INSERT INTO runs (tenant, user_id, run_id, agent, thread_id, request_id, created_at, worker, input, job_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING run_id`,
    [
      ...key,
      toKeyText(run.runId),
      toKeyText(run.agent),
      run.threadId === undefined ? null : toKeyText(run.threadId),
      toKeyText(run.requestId),
      run.createdAt,
      worker,
      job?.input ?? null,
      job?.jobId ?? null,
    ],
  )
  if (rows.length === 0) throw new Error(`The run "${run.runId}" exists already`)
}

function evicted(runId: string, oldest: number): EngineError {
  return new EngineError(
    'CURSOR_EVICTED',
    `The events of run "${runId}" before number ${oldest} are no longer kept. ` +
      'Read the run itself for how it ended.',
  )
}
