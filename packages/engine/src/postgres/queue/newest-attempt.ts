import * as z from 'zod'
import { toKeyText } from '../database/key-text.ts'
import { asOwner } from '../store/owner-transaction.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import type { Attempt } from './taken-run.ts'

/** The number of the attempt that a run has come to; undefined where it has ended or is not there. */
export async function newestAttempt(
  { parts }: PostgresStore,
  { owner, runId }: Pick<Attempt, 'owner' | 'runId'>,
): Promise<number | undefined> {
  const [row] = await asOwner(parts.database, owner, ({ key, sql }) =>
    sql(
      'SELECT attempt FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND ended_at IS NULL',
      [...key, toKeyText(runId)],
    ),
  )
  return row === undefined ? undefined : z.object({ attempt: z.int() }).parse(row).attempt
}
