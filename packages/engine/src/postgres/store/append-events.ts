import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { isTerminal, type DurableEvent, type UnnumberedEvent } from '../../events/agent-event.ts'
import { statusAfter, type RunStatus } from '../../runs/run-status.ts'
import { notFound } from '../../store/not-found.ts'
import type { Database, Sql } from '../database/database.ts'
import { toKeyText } from '../database/key-text.ts'
import { eventText, numbered } from './event-row.ts'
import { asOwner, type OwnerSql } from './owner-transaction.ts'
import type { WakeUps } from './wake-ups.ts'

/** Who writes: whose run, and the attempt that must still be the newest. 0 where nobody has taken it from a queue. */
export interface AttemptOfRun {
  readonly owner: Owner
  readonly runId: string
  readonly attempt: number
}

const ofRun = 'tenant = $1 AND user_id = $2 AND run_id = $3'

const lastSeqRow = z.object({ last_seq: z.int() })
const standRow = z.object({
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  attempt: z.int(),
})

/**
 * Adds events to a run in one statement: the attempt is still the newest and the run goes on, the next numbers, the
 * events, and what is done `alongside` in the same transaction; or nothing of it. Rejects with `ATTEMPT_OVER`, `RUN_NOT_FOUND`, `RUN_ENDED` and `RUN_STATE`.
 */
export async function appendEvents(
  { database, wakeUps }: { readonly database: Database; readonly wakeUps: WakeUps },
  { owner, runId, attempt }: AttemptOfRun,
  events: readonly UnnumberedEvent[],
  alongside?: (sql: Sql) => Promise<unknown>,
): Promise<readonly DurableEvent[]> {
  if (events.slice(0, -1).some(isTerminal)) {
    throw new EngineError('RUN_ENDED', 'A terminal event must be the last one of a run.')
  }
  const change = changeOf(events)
  const stored = await asOwner(database, owner, async ({ key, sql }) => {
    const [row] = await sql(
      `WITH fence AS (
        UPDATE runs SET last_seq = last_seq + $5, status = coalesce($6, status),
          started_at = coalesce($7, started_at), ended_at = $8, outcome = $9,
          input = CASE WHEN $8::text IS NULL THEN input END, job = CASE WHEN $8::text IS NULL THEN job END,
          changed_on = CASE WHEN $8::text IS NULL THEN changed_on ELSE now() END
        WHERE ${ofRun} AND attempt = $4 AND ended_at IS NULL AND (NOT $10::boolean OR status = 'queued')
        RETURNING last_seq
      ), added AS (
        INSERT INTO events (tenant, user_id, run_id, seq, event)
        SELECT $1, $2, $3, fence.last_seq - $5 + item.number::integer, item.event
        FROM fence, unnest($11::text[]) WITH ORDINALITY AS item (event, number)
      )
      SELECT last_seq FROM fence`,
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
    if (row === undefined) throw await refusal({ owner, key, sql }, runId, attempt, events)
    await alongside?.(sql)
    const first = lastSeqRow.parse(row).last_seq - events.length + 1
    return events.map((event, index) => numbered(event, first + index))
  })
  wakeUps.tell('run', owner, runId)
  return stored
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
