import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { OwnerSql } from '../store/owner-transaction.ts'

const waitingRow = z.object({ waiting: z.int() })

/**
 * Refuses a run where as many of all owners wait as may. Far below that nobody waits for anybody; near it, starts are let
 * through one at a time until they are committed, so that no two take the last place. Throws `QUEUE_FULL`.
 */
export async function refuseIfQueueFull({ sql }: OwnerSql, most: number): Promise<void> {
  const count = async (): Promise<number> => {
    const [row] = await sql('SELECT waiting_runs($1) AS waiting', [most])
    return waitingRow.parse(row).waiting
  }
  if ((await count()) < most - Math.max(64, most / 8)) return
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('ringfence.room', 0))`)
  if ((await count()) < most) return
  throw new EngineError(
    'QUEUE_FULL',
    `The queue is full: ${most} runs wait for their turn. Try again in a moment.`,
    { retryAfterMs: 1_000 },
  )
}
