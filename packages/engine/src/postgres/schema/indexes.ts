import * as z from 'zod'
import type { EngineLogger } from '../../logger.ts'
import { roles } from '../database/roles.ts'
import type { Row } from '../database/database.ts'

/** Indexes of tables that may be large by now: they are built beside whoever writes, and in no transaction. */
const indexes = {
  runs_overdue: `(queued_until) WHERE ended_at IS NULL AND worker IS NULL AND queued_until IS NOT NULL`,
  runs_in_thread: `(tenant, user_id, thread_id, position DESC) WHERE thread_id IS NOT NULL`,
} as const

const lock = `hashtextextended('ringfence.indexes', 0)`
const lockedRow = z.object({ mine: z.boolean() })
const validRow = z.object({ valid: z.boolean().nullable() })

/**
 * Builds the indexes that are missing, and those whose building was broken off. One process does; nobody waits for
 * it, because a statement that waits is what building would wait for. What cannot be built now (somebody has a
 * transaction open for long) is left for the next one to open the store: what is slower without it is right without it.
 */
export async function buildIndexes(
  run: (text: string) => Promise<readonly Row[]>,
  kind: 'postgres' | 'pglite',
  logger: EngineLogger | undefined,
): Promise<void> {
  const [row] = await run(`SELECT pg_try_advisory_lock(${lock}) AS mine`)
  if (!lockedRow.parse(row).mine) return
  // In a folder there is nobody beside.
  const beside = kind === 'postgres' ? 'CONCURRENTLY' : ''
  try {
    await run(`SET ROLE ${roles.migrations}`)
    await run(`SET lock_timeout = '10s'`)
    for (const [name, definition] of Object.entries(indexes)) {
      const [index] = await run(
        `SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ringfence.${name}')) AS valid`,
      )
      const { valid } = validRow.parse(index)
      if (valid === true) continue
      if (valid === false) await run(`DROP INDEX ${beside} ringfence.${name}`)
      await run(`CREATE INDEX ${beside} ${name} ON ringfence.runs ${definition}`)
    }
  } catch (error) {
    logger?.warn(
      { err: error },
      'an index could not be built; the next one to open the store tries',
    )
  } finally {
    await run('RESET lock_timeout')
    await run('RESET ROLE')
    await run(`SELECT pg_advisory_unlock(${lock})`)
  }
}
