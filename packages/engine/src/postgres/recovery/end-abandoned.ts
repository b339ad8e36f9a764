import { runOutside } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { Failure } from '../../errors/failure.ts'
import type { EngineLogger } from '../../logger.ts'
import { isStoreFailure } from '../../store/store-failure.ts'
import { runAsSystem } from '../../system/system-scope.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { logFailure } from '../database/log-failure.ts'
import { endRun } from '../queue/taken-run.ts'
import { asOwner } from '../store/owner-transaction.ts'
import type { PostgresStore } from '../store/postgres-store.ts'

const stored = z.string().transform(fromKeyText)
const originRow = z.object({
  thread_id: stored.nullable(),
  request_id: stored,
  created_at: z.string(),
})

const lost: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run was lost: the process that executed it is gone.',
}

/** Milliseconds without a sign of life after which a process is taken for gone. */
const leaseMs = 30_000
const signMs = 5_000

/**
 * Shows that this process lives, and ends runs that were executed, without a queue, by one that does not any more:
 * each gets its terminal event (I10). `alone`: nobody else can have this store open, so that whatever goes on in it
 * is nobody's. Returns how to stop.
 */
export async function watchOverRuns(
  store: PostgresStore,
  alone: boolean,
  logger: EngineLogger | undefined,
): Promise<() => Promise<void>> {
  const { database, processId } = store.parts
  await showLife(store)
  await endAbandoned(store, alone ? 0 : leaseMs)
  let going: Promise<void> = Promise.resolve()
  const timer = runOutside(() =>
    setInterval(() => {
      going = going
        .then(() => showLife(store))
        .then(() => endAbandoned(store, leaseMs))
        .catch((error: unknown) => logFailure(logger, error, 'lost runs could not be ended'))
    }, signMs),
  )
  timer.unref()
  return async () => {
    clearInterval(timer)
    await going
    await database
      .transaction(undefined, (sql) =>
        sql('DELETE FROM processes WHERE process_id = $1', [processId]),
      )
      .catch(() => undefined)
  }
}

async function showLife({ parts: { database, processId } }: PostgresStore): Promise<void> {
  await database.transaction(undefined, async (sql) => {
    await sql(
      `INSERT INTO processes (process_id) VALUES ($1)
      ON CONFLICT (process_id) DO UPDATE SET seen_on = clock_timestamp()`,
      [processId],
    )
    await sql(`DELETE FROM processes WHERE seen_on < now() - interval '1 day'`)
  })
}

async function endAbandoned(store: PostgresStore, lease: number): Promise<void> {
  const { processId, database } = store.parts
  const claimed = await runAsSystem('claim', () =>
    store.system.claim({ worker: processId, now: Date.now(), leaseMs: lease, limit: 100 }),
  )
  for (const { owner, runId, agent, attempt } of claimed) {
    const [row] = await asOwner(database, owner, ({ key, sql }) =>
      sql(
        'SELECT thread_id, request_id, created_at FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $3',
        [...key, toKeyText(runId)],
      ),
    )
    if (row === undefined) continue
    const { thread_id, request_id, created_at } = originRow.parse(row)
    const run = {
      owner,
      runId,
      agent,
      threadId: thread_id ?? undefined,
      requestId: request_id,
      createdAt: created_at,
      attempt,
    }
    try {
      await endRun(store, run, { error: lost })
    } catch (error) {
      // It has been ended, or was forgotten, in between.
      if (!EngineError.is(error) || isStoreFailure(error)) throw error
    }
  }
  if (claimed.length === 100) await endAbandoned(store, lease)
}
