import { toKeyText } from '../database/key-text.ts'
import type { HeldAttempts } from './held-attempts.ts'
import type { OwnerSql } from './owner-transaction.ts'

/**
 * Whether a run that this process executes is not there any more: its owner was forgotten, by whichever process. A run that is
 * there stays until the end of the transaction, so that whoever forgets the owner removes what is written now, too.
 */
export async function isForgotten(
  attempts: HeldAttempts,
  { owner, key, sql }: OwnerSql,
  runId: string | undefined,
): Promise<boolean> {
  if (runId === undefined || attempts.of(owner, runId) === 0) return false
  const [row] = await sql(
    'SELECT 1 FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $3 FOR KEY SHARE',
    [...key, toKeyText(runId)],
  )
  return row === undefined
}
