import { systemFunction } from './system-function.ts'

/** How many runs of all owners wait: counted no further than the most that may, and of whom is not said. */
export const version4: string = systemFunction(
  'waiting_runs(most integer)',
  'integer',
  `DECLARE waiting integer;
  BEGIN
    SELECT count(*) INTO waiting FROM (
      SELECT 1 FROM runs WHERE ended_at IS NULL AND job_id IS NOT NULL AND status = 'queued' LIMIT most) counted;
    RETURN waiting;
  END`,
)
