import { systemFunction } from './system-function.ts'

/**
 * The runs of the queue that nobody seems to execute: they wait, or their worker's process has shown no life for a while and
 * holds no session. Whether they have a job is for the queue's role to say, which sees nothing else.
 */
export const version6: string = systemFunction(
  'unattended_runs(past bigint, quiet interval, most integer)',
  `TABLE (tenant text, user_id text, run_id text, agent text, thread_id text, request_id text, created_at text,
    attempt integer, job_id text, place bigint)`,
  `BEGIN
    RETURN QUERY SELECT r.tenant, r.user_id, r.run_id, r.agent, r.thread_id, r.request_id, r.created_at,
        r.attempt, r.job_id, r.position
      FROM runs r
      WHERE r.ended_at IS NULL AND r.job_id IS NOT NULL AND NOT r.held AND r.position > past
        AND r.changed_on < now() - quiet
        AND (r.worker IS NULL OR (strpos(r.worker, '/') > 0
          AND NOT EXISTS (SELECT 1 FROM processes p
            WHERE p.process_id = split_part(r.worker, '/', 1) AND p.seen_on > now() - greatest(quiet, interval '30 seconds'))
          AND NOT EXISTS (SELECT 1 FROM pg_locks l
            WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
              AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
              AND ((l.classid::bigint << 32) | l.objid::bigint)
                = hashtextextended('ringfence.process ' || split_part(r.worker, '/', 1), 0))))
      ORDER BY r.position LIMIT most;
  END`,
)
