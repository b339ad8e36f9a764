import { systemFunction } from './system-function.ts'

/**
 * Runs that any of several processes may execute. `tag` is when a run's turn comes, in rounds; `job` is what travels
 * with it; one that is `held` waits for another run of its thread and is not in the queue yet.
 */
export const version2: string = `
ALTER TABLE runs ADD COLUMN tag integer NOT NULL DEFAULT 0, ADD COLUMN job text,
  ADD COLUMN held boolean NOT NULL DEFAULT false;
CREATE INDEX runs_queued ON runs (tenant, user_id) WHERE ended_at IS NULL AND job_id IS NOT NULL;
CREATE INDEX runs_held ON runs (tenant, user_id, thread_id) WHERE held AND ended_at IS NULL;

CREATE TABLE queue_clock (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), round integer NOT NULL DEFAULT 0);
INSERT INTO queue_clock DEFAULT VALUES;
${systemFunction(
  'queue_round()',
  'integer',
  `DECLARE current integer;
  BEGIN
    -- Rounds begin anew when nobody waits, so that they never come to an end.
    IF NOT EXISTS (SELECT 1 FROM runs WHERE job_id IS NOT NULL AND ended_at IS NULL) THEN
      UPDATE queue_clock SET round = 0 WHERE round <> 0;
    END IF;
    SELECT round INTO current FROM queue_clock;
    RETURN current;
  END`,
)}
${systemFunction(
  'advance_round(reached integer)',
  'void',
  `BEGIN
    UPDATE queue_clock SET round = reached WHERE round < reached;
  END`,
)}
${systemFunction(
  'idle_threads(most integer)',
  'TABLE (tenant text, user_id text, thread_id text)',
  `BEGIN
    RETURN QUERY SELECT DISTINCT r.tenant, r.user_id, r.thread_id FROM runs r
      WHERE r.held AND r.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM runs o
        WHERE o.tenant = r.tenant AND o.user_id = r.user_id AND o.thread_id = r.thread_id
          AND o.ended_at IS NULL AND NOT o.held)
      LIMIT most;
  END`,
)}
`
