import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { QueuedRun } from '../../runs/run-queue.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import type { OwnerSql } from '../store/owner-transaction.ts'

/** What becomes of a run in its thread. */
export interface ThreadTurnDecision {
  /** Another run is going on, and this one waits for its end. */
  readonly held: boolean
  /** The run that it joins: no new one. */
  readonly joins?: string
  /** The runs that it takes the place of. */
  readonly replaces: readonly string[]
}

const stored = z.string().transform(fromKeyText)
const openRow = z.object({ run_id: stored, agent: stored, held: z.boolean() })

const free: ThreadTurnDecision = Object.freeze({ held: false, replaces: [] })

/**
 * One run of a thread at a time, in whichever process. To be asked in the transaction that queues the run, after the
 * owner's lock. Throws `THREAD_BUSY`.
 */
export async function decideTurn(
  { key, sql }: OwnerSql,
  { threadId, threadPolicy, agent, startedBy }: QueuedRun,
): Promise<ThreadTurnDecision> {
  if (threadId === undefined || threadPolicy === 'parallel') return free
  const rows = await sql(
    `SELECT run_id, agent, held FROM runs
    WHERE tenant = $1 AND user_id = $2 AND thread_id = $3 AND ended_at IS NULL ORDER BY position`,
    [...key, toKeyText(threadId)],
  )
  const open = rows.map((row) => openRow.parse(row))
  const holders = open.filter(({ held }) => !held)
  // It would wait for its own end.
  if (holders.some(({ run_id }) => run_id === startedBy)) return free
  const [holder] = holders.length > 0 ? holders : open
  if (holder === undefined) return free
  if (threadPolicy === 'join' && holder.agent === agent) {
    return { held: false, joins: holder.run_id, replaces: [] }
  }
  if (threadPolicy === 'join' || threadPolicy === 'reject') throw threadBusy(holder.agent)
  return {
    held: true,
    replaces: threadPolicy === 'replace' ? open.map(({ run_id }) => run_id) : [],
  }
}

function threadBusy(agent: string): EngineError {
  return new EngineError(
    'THREAD_BUSY',
    `A run of the agent "${agent}" is going on in this thread. Try again when it has ended, or cancel it.`,
    { retryAfterMs: 1_000 },
  )
}
