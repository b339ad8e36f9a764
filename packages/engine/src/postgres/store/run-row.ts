import * as z from 'zod'
import type { Row } from '../database/database.ts'
import { fromKeyText } from '../database/key-text.ts'
import type { RunRecord } from '../../store/run-store.ts'
import { deepFreeze } from '../../internal/deep-freeze.ts'

const stored = z.string().transform(fromKeyText)

/** What can be said of how a run ended: its result, or its failure. */
const outcome = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string() }).loose().optional(),
})

const runRow = z.object({
  run_id: stored,
  agent: stored,
  thread_id: stored.nullable(),
  request_id: stored,
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  created_at: z.string(),
  started_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  last_seq: z.int(),
  outcome: z.string().nullable(),
})

/** The columns that make up a record. */
export const runColumns =
  'run_id, agent, thread_id, request_id, status, created_at, started_at, ended_at, last_seq, outcome'

/** A run as its owner may see it. */
export function runRecordOf(row: Row): RunRecord {
  const run = runRow.parse(row)
  const { result, error } = run.outcome === null ? {} : outcome.parse(JSON.parse(run.outcome))
  return deepFreeze({
    runId: run.run_id,
    agent: run.agent,
    status: run.status,
    requestId: run.request_id,
    createdAt: run.created_at,
    lastSeq: run.last_seq,
    ...(run.thread_id === null ? {} : { threadId: run.thread_id }),
    ...(run.started_at === null ? {} : { startedAt: run.started_at }),
    ...(run.ended_at === null ? {} : { endedAt: run.ended_at }),
    ...(run.status === 'completed' ? { result } : {}),
    ...(error === undefined ? {} : { error }),
  })
}
