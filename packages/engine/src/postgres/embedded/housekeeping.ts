import { runOutside } from '@ringfence/context'
import type { EngineLogger } from '../../logger.ts'
import type { Database } from '../database/database.ts'
import { logFailure } from '../database/log-failure.ts'

/** The first time is soon: a folder that is new has tables that nobody has counted. */
const firstMs = 2_000

/**
 * What autovacuum does on a server, and nobody does in this process: without it the planner knows nothing of the
 * tables, and reading a run from its middle takes twenty times as long. The first time after two seconds, then after
 * twice as long each time, until it is `mostMs`. Returns how to stop.
 */
export function keepHouse(
  database: Database,
  mostMs: number,
  logger: EngineLogger | undefined,
): () => Promise<void> {
  let going: Promise<void> = Promise.resolve()
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const after = (ms: number): void => {
    if (stopped) return
    timer = runOutside(() =>
      setTimeout(() => {
        going = vacuum(database, logger).then(() => after(Math.min(2 * ms, mostMs)))
      }, ms),
    )
    timer.unref()
  }
  after(Math.min(firstMs, mostMs))
  return async () => {
    stopped = true
    clearTimeout(timer)
    await going
  }
}

async function vacuum(database: Database, logger: EngineLogger | undefined): Promise<void> {
  try {
    await database.script((run) => run('VACUUM ANALYZE'))
  } catch (error) {
    logFailure(logger, error, 'the tables could not be vacuumed')
  }
}
