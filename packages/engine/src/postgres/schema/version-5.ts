import { systemFunction } from './system-function.ts'

/** Until when a run may wait, the runs that waited for longer and that nobody has. Their indexes: `indexes.ts`. */
export const version5: string = `
ALTER TABLE runs ADD COLUMN queue_ms double precision, ADD COLUMN queued_until timestamptz;
${systemFunction(
  'overdue_runs(most integer)',
  `TABLE (tenant text, user_id text, run_id text, agent text, thread_id text, request_id text, created_at text,
    attempt integer, job_id text, queue_ms double precision)`,
  `BEGIN
    RETURN QUERY SELECT r.tenant, r.user_id, r.run_id, r.agent, r.thread_id, r.request_id, r.created_at,
        r.attempt, r.job_id, r.queue_ms
      FROM runs r
      WHERE r.ended_at IS NULL AND r.worker IS NULL AND r.queued_until < now() AND r.status = 'queued'
      ORDER BY r.queued_until LIMIT most;
  END`,
)}`
