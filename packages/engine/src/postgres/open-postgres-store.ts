import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod'
import type { EngineLogger } from '../logger.ts'
import type { Database } from './database/database.ts'
import { openPgDatabase } from './database/pg-database.ts'
import { openPgliteDatabase } from './database/pglite-database.ts'
import { assertDataDirectory } from './embedded/data-directory.ts'
import { lockDirectory } from './embedded/directory-lock.ts'
import { keepHouse } from './embedded/housekeeping.ts'
import { watchOverRuns } from './recovery/end-abandoned.ts'
import { assertFenced } from './schema/assert-fenced.ts'
import { assertMigrated, migrate } from './schema/migrate.ts'
import { PostgresStore, type PostgresStoreLimits } from './store/postgres-store.ts'
import { assertSupportedRuntime } from './supported-runtime.ts'

export interface PostgresStoreOptions extends PostgresStoreLimits {
  /** `postgres://…`: a server of version 13 or newer. */
  readonly url?: string | undefined
  /** A folder for PGlite, in this process and for this process alone; it is made where it is missing. */
  readonly dataDir?: string | undefined
  /**
   * Brings the tables into their newest shape first, once, whoever else does it at the same time. False where another
   * process does: then a database that is behind is refused with `STORE_VERSION`. Default: true.
   */
  readonly migrate?: boolean | undefined
  /** Connections of the store to a server; the queue and the notifications have theirs beside. Default 10. */
  readonly connections?: number | undefined
  /** Milliseconds after which whoever waits looks for themselves, notified or not. Default 1,000. */
  readonly pollMs?: number | undefined
  /**
   * Milliseconds that pieces of text may wait for more, to be stored in one statement. The first after a silence does
   * not wait, nor does anything but text and thoughts. 0: each is stored by itself. Default 50.
   */
  readonly batchMs?: number | undefined
  /** Milliseconds from one VACUUM ANALYZE of the data directory to the next, at most: the first ones are sooner. Default 600,000. */
  readonly vacuumMs?: number | undefined
  /** Default: silence. */
  readonly logger?: EngineLogger | undefined
}

const checked = z
  .object({
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//u, 'expected postgres://…')
      .optional(),
    dataDir: z.string().min(1).optional(),
    migrate: z.boolean().default(true),
    connections: z.int().min(1).max(1_000).default(10),
    pollMs: z.int().min(10).default(1_000),
    batchMs: z.int().min(0).max(1_000).default(50),
    vacuumMs: z.int().min(1_000).max(2_147_483_647).default(600_000),
  })
  .refine(({ url, dataDir }) => (url === undefined) !== (dataDir === undefined), {
    message: 'expected either `url` or `dataDir`',
  })

/**
 * Opens the durable store: a PostgreSQL server, or a folder on this machine with the same code and no server to
 * install. What was acknowledged survives a killed process. A folder survives no power cut: PGlite does not wait
 * for the disk, and it keeps 300 to 470 MB of memory.
 *
 * Rejects with `UNSUPPORTED_RUNTIME` before Node 22.12, with `STORE_LOCKED` where another process has the folder,
 * with `STORE_VERSION`, with `STORE_UNFENCED` where a role or a policy of the database would let users see each other's rows,
 * and with TypeError for options that make no sense, such as a folder with something else in it.
 *
 * @example
 * const store = await openPostgresStore({ url: 'postgres://app@db/app' })
 * const engine = createExecutionEngine({ agents, store })
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  assertSupportedRuntime()
  const { url, dataDir, migrate: migrates, connections, pollMs, batchMs, vacuumMs } = check(options)
  const { threads, approvals, idempotency, logger } = options
  const unlock = dataDir === undefined ? undefined : await lock(dataDir)
  let database: Database | undefined
  try {
    database =
      url === undefined
        ? await openPgliteDatabase(dataDir)
        : await openPgDatabase({ url, connections, logger })
    if (migrates) await migrate(database, logger)
    else await assertMigrated(database)
    await assertFenced(database)
    const opened = database
    const stops: (() => Promise<void>)[] = []
    const store = new PostgresStore({
      database: {
        kind: opened.kind,
        queue: opened.queue,
        transaction: (...given) => opened.transaction(...given),
        script: (work) => opened.script(work),
        queueTransaction: (work) => opened.queueTransaction(work),
        listen: (...given) => opened.listen(...given),
        close: async () => {
          await opened.close()
          await unlock?.()
        },
      },
      pollMs,
      batchMs,
      logger,
      ...(threads === undefined ? {} : { threads }),
      ...(approvals === undefined ? {} : { approvals }),
      ...(idempotency === undefined ? {} : { idempotency }),
      onClose: async () => {
        for (const stop of stops) await stop()
      },
    })
    stops.push(await watchOverRuns(store, database.kind === 'pglite', logger))
    if (database.kind === 'pglite') stops.push(keepHouse(database, vacuumMs, logger))
    return store
  } catch (error) {
    await database?.close().catch(() => undefined)
    await unlock?.()
    throw error
  }
}

async function lock(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dirname(dataDir), { recursive: true })
  await assertDataDirectory(dataDir)
  return lockDirectory(dataDir)
}

function check(options: PostgresStoreOptions): z.output<typeof checked> {
  const result = checked.safeParse(options)
  if (result.success) return result.data
  const reasons = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new TypeError(`Cannot open the store: ${reasons.join('; ')}`)
}
