import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import type { Failure } from '../../errors/failure.ts'
import type { CancelReason, UnnumberedEvent } from '../../events/agent-event.ts'
import type { NewAuditRecord } from '../../store/audit-store.ts'
import { runAsSystem } from '../../system/system-scope.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { appendEvents } from '../store/append-events.ts'
import { asOwner } from '../store/owner-transaction.ts'
import { addToTrail } from '../store/postgres-audit-store.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import type { ClaimedJob } from './job-queue.ts'
import { storedInput, type RunJob, type StoredInput } from './job.ts'

const stored = z.string().transform(fromKeyText)

const takenRow = z.object({
  run_id: stored,
  agent: stored,
  thread_id: stored.nullable(),
  request_id: stored,
  created_at: z.string(),
  status: z.enum(['queued', 'running']),
  attempt: z.int(),
  input: z.string().nullable(),
  cancel_reason: z.enum(['caller', 'disconnect', 'shutdown', 'replaced']).nullable(),
  queue_ms: z.number().nullable(),
  overdue: z.boolean().nullable(),
})

/** A run that this process is to execute: its newest attempt. */
export interface Attempt {
  readonly owner: Owner
  readonly runId: string
  readonly agent: string
  readonly threadId: string | undefined
  readonly requestId: string
  readonly createdAt: string
  readonly attempt: number
  readonly restarted: boolean
  readonly input: unknown
  readonly depth: number
  /** Its input is none that this package has stored: nothing can be begun with it. */
  readonly unreadable: boolean
  readonly cancelled: CancelReason | undefined
  /** It had not begun when it had waited for as long as it may: so many milliseconds. */
  readonly waitedMs: number | undefined
}

/**
 * Begins a new attempt of a run: from here on whatever an earlier one writes is refused. Undefined where the run has
 * ended, or is not there any more, or was taken with a later delivery of its job. Without a delivery it is taken from
 * whoever has it.
 */
export async function takeRun(
  store: PostgresStore,
  owner: Owner,
  { runId }: RunJob,
  worker: string,
  delivery: ClaimedJob | undefined,
): Promise<Attempt | undefined> {
  const [row] = await asOwner(store.parts.database, owner, async ({ key, sql }) => {
    const rows = await sql(
      `UPDATE runs SET attempt = attempt + 1, worker = $4, delivered = coalesce($6, delivered), changed_on = now()
      WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND ended_at IS NULL
        AND ($5::text IS NULL OR (job_id = $5 AND delivered < $6))
      RETURNING run_id, agent, thread_id, request_id, created_at, status, attempt, input, cancel_reason, tag,
        queue_ms, queued_until < now() AS overdue`,
      [...key, toKeyText(runId), worker, delivery?.id ?? null, delivery?.retryCount ?? null],
    )
    const tag = rows[0]?.['tag']
    if (tag !== undefined) await sql('SELECT advance_round($1)', [tag])
    return rows
  })
  if (row === undefined) return undefined
  const run = takenRow.parse(row)
  const given = readInput(run.input)
  return {
    owner,
    runId: run.run_id,
    agent: run.agent,
    threadId: run.thread_id ?? undefined,
    requestId: run.request_id,
    createdAt: run.created_at,
    attempt: run.attempt,
    restarted: run.status === 'running',
    input: given?.input,
    depth: given?.depth ?? 0,
    unreadable: given === undefined,
    cancelled: run.cancel_reason ?? undefined,
    waitedMs:
      run.overdue === true && run.status === 'queued' ? (run.queue_ms ?? undefined) : undefined,
  }
}

function readInput(text: string | null): StoredInput | undefined {
  if (text === null) return { depth: 0 }
  try {
    return storedInput.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

type Ending = { readonly error: Failure } | { readonly reason: CancelReason }

/**
 * Ends a run that no agent's code has had a say in: by the system, which has no user, and on the trail, in one step. Rejects with
 * `ATTEMPT_OVER` where another attempt has it.
 */
export async function endRun(
  store: PostgresStore,
  run: Pick<
    Attempt,
    'owner' | 'runId' | 'agent' | 'threadId' | 'requestId' | 'createdAt' | 'attempt'
  >,
  ending: Ending,
): Promise<void> {
  const { owner, runId, agent, threadId, requestId, attempt } = run
  const at = new Date().toISOString()
  const stamp = {
    at,
    runId,
    ...(threadId === undefined ? {} : { threadId }),
    requestId,
    userId: owner.userId,
    agent,
  }
  const terminal: UnnumberedEvent =
    'error' in ending
      ? { ...stamp, type: 'agent_error', data: { error: ending.error, durationMs: 0 } }
      : { ...stamp, type: 'agent_cancelled', data: { reason: ending.reason, durationMs: 0 } }
  const line: NewAuditRecord = {
    actor: { kind: 'system', name: 'queue' },
    action: 'end',
    resource: { type: 'run', id: runId, owner },
    outcome: 'done',
    reason: 'error' in ending ? ending.error.code : ending.reason,
    at,
  }
  await runAsSystem('claim', () =>
    appendEvents(store.parts, { owner, runId, attempt }, [terminal], (sql) =>
      addToTrail(sql, line),
    ),
  )
}
