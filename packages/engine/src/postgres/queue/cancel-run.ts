import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { CancelReason } from '../../events/agent-event.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { asOwner } from '../store/owner-transaction.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { processOf, sessionKey } from './process-session.ts'
import { endRun } from './taken-run.ts'

const stored = z.string().transform(fromKeyText)
const runRow = z.object({
  agent: stored,
  thread_id: stored.nullable(),
  request_id: stored,
  created_at: z.string(),
  attempt: z.int(),
  worker: z.string().nullable(),
  job_id: z.string().nullable(),
})

const attemptRow = z.object({ attempt: z.int() })

/** A run that was ended here, or undefined where somebody executes it, or nobody does any more. */
export interface EndedInQueue {
  readonly jobId: string | undefined
  readonly threadId: string | undefined
}

/**
 * Ends a run that waits; asks the worker that executes it to end it; leaves one that has ended as it is. A worker whose
 * process holds no session with the database any more is not waited for: its run is ended here, as a new attempt, so that
 * whatever it might still write is refused.
 */
export async function cancelRun(
  store: PostgresStore,
  owner: Owner,
  runId: string,
  reason: CancelReason,
): Promise<EndedInQueue | undefined> {
  const { database, wakeUps } = store.parts
  const run = await asOwner(database, owner, async ({ key, sql }) => {
    const [row] = await sql(
      `UPDATE runs SET cancel_reason = coalesce(cancel_reason, $4)
      WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND ended_at IS NULL
      RETURNING agent, thread_id, request_id, created_at, attempt, worker, job_id`,
      [...key, toKeyText(runId), reason],
    )
    const found = row === undefined ? undefined : runRow.parse(row)
    if (found?.worker != null) await wakeUps.notify(sql, 'cancel', undefined, found.worker)
    return found
  })
  if (run === undefined) return undefined
  let { attempt } = run
  if (run.worker !== null) {
    wakeUps.wake('cancel', undefined, run.worker)
    const taken = await takeFromDead(store, owner, runId, run.worker, attempt)
    if (taken === undefined) return undefined
    attempt = taken
  }
  const threadId = run.thread_id ?? undefined
  try {
    await endRun(
      store,
      {
        owner,
        runId,
        agent: run.agent,
        threadId,
        requestId: run.request_id,
        createdAt: run.created_at,
        attempt,
      },
      { reason },
    )
  } catch (error) {
    // Somebody has taken it meanwhile, and sees that it is to end; or it has ended.
    if (EngineError.is(error) && ['ATTEMPT_OVER', 'RUN_ENDED'].includes(error.code))
      return undefined
    throw error
  }
  return { jobId: run.job_id ?? undefined, threadId }
}

/** Takes a run from a worker whose process is gone. Undefined where it is not, as far as the database can tell. */
async function takeFromDead(
  { parts: { database } }: PostgresStore,
  owner: Owner,
  runId: string,
  worker: string,
  attempt: number,
): Promise<number | undefined> {
  const processId = processOf(worker)
  // In a folder there is one process: this one.
  if (processId === undefined || database.kind === 'pglite') return undefined
  return asOwner(database, owner, async ({ key, sql }) => {
    const [lock] = await sql(`SELECT pg_try_advisory_xact_lock(${sessionKey(processId)}) AS free`)
    if (lock?.['free'] !== true) return undefined
    const [row] = await sql(
      `UPDATE runs SET attempt = attempt + 1, worker = NULL
      WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND attempt = $4 AND ended_at IS NULL RETURNING attempt`,
      [...key, toKeyText(runId), attempt],
    )
    return row === undefined ? undefined : attemptRow.parse(row).attempt
  })
}
