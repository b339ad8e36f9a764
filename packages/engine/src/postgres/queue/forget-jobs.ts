import type { Owner } from '@ringfence/context'
import type { Database } from '../database/database.ts'
import { queueNames } from './queue-names.ts'

/**
 * Removes whatever is kept of an owner's jobs, also of those that are done with or were lost, whether this process
 * has the queue open or not; where nobody ever had, there is nothing.
 */
export async function forgetJobs(
  database: Database,
  { tenantId = '', userId }: Owner,
): Promise<void> {
  const names = [queueNames.runs, queueNames.lost]
  await database.queueTransaction(async (queue) => {
    const table = await queue.executeSql(
      `SELECT to_regclass('ringfence_queue.job') IS NOT NULL AS there`,
    )
    if (table.rows[0]?.['there'] !== true) return
    await queue.executeSql(
      'DELETE FROM ringfence_queue.job WHERE name = ANY($1::text[]) AND data @> $2::text::jsonb',
      [names, JSON.stringify({ tenantId, userId })],
    )
  })
}
