import { runOutside } from '@ringfence/context'
import type { EngineLogger } from '../../logger.ts'
import type { Database } from '../database/database.ts'

/**
 * What autovacuum does on a server, and nobody does in this process: without it the planner knows nothing of the
 * tables, and reading a run from its middle takes twenty times as long. Returns how to stop.
 */
export function keepHouse(
  database: Database,
  everyMs: number,
  logger: EngineLogger | undefined,
): () => Promise<void> {
  let going: Promise<void> = Promise.resolve()
  const timer = runOutside(() =>
    setInterval(() => {
      going = going.then(() =>
        database
          .script((run) => run('VACUUM ANALYZE'))
          .then(
            () => undefined,
            (error: unknown) => logger?.warn({ err: error }, 'the tables could not be vacuumed'),
          ),
      )
    }, everyMs),
  )
  timer.unref()
  return async () => {
    clearInterval(timer)
    await going
  }
}
