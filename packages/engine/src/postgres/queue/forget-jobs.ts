import type { Owner } from '@ringfence/context'
import type { Database } from '../database/database.ts'
import { queueNames } from './queue-names.ts'

/**
 * Removes whatever is kept of an owner's jobs, also of those that are done with or were lost, whether this process
 * has the queue open or not; where nobody ever had, there is nothing. Says how many there were.
 */
export async function forgetJobs(
  database: Database,
  { tenantId = '', userId }: Owner,
): Promise<number> {
  // Nobody of such a name has a context, and so no job; PostgreSQL would refuse the question.
  if (!isStorable(tenantId) || !isStorable(userId)) return 0
  const names = [queueNames.runs, queueNames.lost]
  return database.queueTransaction(async (queue) => {
    const table = await queue.executeSql(
      `SELECT to_regclass('ringfence_queue.job') IS NOT NULL AS there`,
    )
    if (table.rows[0]?.['there'] !== true) return 0
    const { rows } = await queue.executeSql(
      'DELETE FROM ringfence_queue.job WHERE name = ANY($1::text[]) AND data @> $2::text::jsonb RETURNING 1',
      [names, JSON.stringify({ tenantId, userId })],
    )
    return rows.length
  })
}

/** JSON in PostgreSQL holds neither NUL nor half a surrogate pair. */
function isStorable(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text)
}
