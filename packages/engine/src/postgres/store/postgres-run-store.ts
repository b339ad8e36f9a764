import { currentScope } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { isTerminal, type DurableEvent, type UnnumberedEvent } from '../../events/agent-event.ts'
import { checkedLimit } from '../../internal/checked-limit.ts'
import { statusAfter, type RunStatus } from '../../runs/run-status.ts'
import { notFound } from '../../store/not-found.ts'
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
import { eventOf, eventText, numbered } from './event-row.ts'
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
}

const ofRun = 'tenant = $1 AND user_id = $2 AND run_id = $3'

const lastSeqRow = z.object({ last_seq: z.int() })
const standRow = z.object({
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  attempt: z.int(),
})
const batchRow = z.object({
  first_seq: z.int(),
  last_seq: z.int(),
  ended: z.boolean(),
})

/** Runs and their events in PostgreSQL. */
export class PostgresRunStore implements RunStore {
  readonly #options: PostgresRunStoreOptions

  constructor(options: PostgresRunStoreOptions) {
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
    const { database, wakeUps, attempts } = this.#options
    const { owner } = currentScope()
    if (events.slice(0, -1).some(isTerminal)) {
      throw new EngineError('RUN_ENDED', 'A terminal event must be the last one of a run.')
    }
    const change = changeOf(events)
    const attempt = attempts.of(owner, runId)
    const stored = await asCurrentOwner(database, async ({ key, sql }) => {
      // One statement: the attempt is still the newest, the numbers, the events and the notification, or nothing.
      const rows = await sql(
        `WITH fence AS (
          UPDATE runs SET last_seq = last_seq + $5, status = coalesce($6, status),
            started_at = coalesce($7, started_at), ended_at = $8, outcome = $9,
            input = CASE WHEN $8::text IS NULL THEN input END, changed_on = now()
          WHERE ${ofRun} AND attempt = $4 AND ended_at IS NULL
            AND (NOT $10::boolean OR status = 'queued')
          RETURNING last_seq
        ), added AS (
          INSERT INTO events (tenant, user_id, run_id, seq, event)
          SELECT $1, $2, $3, fence.last_seq - $5 + item.number::integer, item.event
          FROM fence, unnest($11::text[]) WITH ORDINALITY AS item (event, number)
        )
        SELECT last_seq, ${wakeUps.notification('run', owner, runId)} FROM fence`,
        [
          ...key,
          toKeyText(runId),
          attempt,
          events.length,
          change.status ?? null,
          change.startedAt ?? null,
          change.endedAt ?? null,
          change.outcome ?? null,
          change.begins,
          events.map(eventText),
        ],
      )
      const [row] = rows
      if (row === undefined) throw await refusal({ owner, key, sql }, runId, attempt, events)
      const first = lastSeqRow.parse(row).last_seq - events.length + 1
      return events.map((event, index) => numbered(event, first + index))
    })
    wakeUps.wake('run', owner, runId)
    return stored
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    const [row] = await asCurrentOwner(this.#options.database, ({ key, sql }) =>
      sql(`SELECT ${runColumns} FROM runs WHERE ${ofRun}`, [...key, toKeyText(runId)]),
    )
    return row === undefined ? undefined : runRecordOf(row)
  }

  async list({ limit = 20, before }: RunPageOptions = {}): Promise<RunPage> {
    checkedLimit('limit', limit, 1)
    const most = Math.min(limit, 100)
    const rows = await asCurrentOwner(this.#options.database, ({ key, sql }) =>
      sql(
        `SELECT ${runColumns} FROM runs
        WHERE tenant = $1 AND user_id = $2 AND ($3::text IS NULL OR position < (
          SELECT position FROM runs WHERE ${ofRun}))
        ORDER BY position DESC LIMIT $4`,
        [...key, before === undefined ? null : toKeyText(before), most + 1],
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

interface RunChange {
  readonly status?: RunStatus
  readonly startedAt?: string
  readonly endedAt?: string
  readonly outcome?: string
  /** It can only follow on a run that waits. */
  readonly begins: boolean
}

/** What these events make of a run. Throws `RUN_STATE` where they cannot follow each other. */
function changeOf(events: readonly UnnumberedEvent[]): RunChange {
  let change: RunChange = { begins: false }
  for (const event of events) {
    if (event.type === 'agent_started') {
      if (change.begins) statusAfter('running', event.type)
      change = { ...change, status: 'running', startedAt: event.at, begins: true }
    }
    if (event.type === 'agent_completed') {
      const outcome = JSON.stringify({ result: event.data.result })
      change = { ...change, status: 'completed', endedAt: event.at, outcome }
    }
    if (event.type === 'agent_error') {
      const outcome = JSON.stringify({ error: event.data.error })
      change = { ...change, status: 'failed', endedAt: event.at, outcome }
    }
    if (event.type === 'agent_cancelled') {
      change = { ...change, status: 'cancelled', endedAt: event.at }
    }
  }
  return change
}

/** Why nothing was added. */
async function refusal(
  { key, sql }: OwnerSql,
  runId: string,
  attempt: number,
  events: readonly UnnumberedEvent[],
): Promise<EngineError> {
  const [row] = await sql(`SELECT status, attempt FROM runs WHERE ${ofRun}`, [
    ...key,
    toKeyText(runId),
  ])
  if (row === undefined) return notFound(runId)
  const run = standRow.parse(row)
  if (!['queued', 'running'].includes(run.status)) {
    return new EngineError('RUN_ENDED', `The run "${runId}" has ended; nothing can be added to it.`)
  }
  if (run.attempt !== attempt) {
    return new EngineError(
      'ATTEMPT_OVER',
      `Another attempt of the run "${runId}" goes on elsewhere; this one can add nothing to it any more.`,
    )
  }
  try {
    events.reduce((status, { type }) => statusAfter(status, type), run.status)
  } catch (error) {
    if (EngineError.is(error)) return error
    throw error
  }
  return new EngineError('RUN_STATE', `The events do not follow on a run that is ${run.status}.`)
}

function evicted(runId: string, oldest: number): EngineError {
  return new EngineError(
    'CURSOR_EVICTED',
    `The events of run "${runId}" before number ${oldest} are no longer kept. ` +
      'Read the run itself for how it ended.',
  )
}
