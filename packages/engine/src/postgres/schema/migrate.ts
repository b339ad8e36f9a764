import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import type { EngineLogger } from '../../logger.ts'
import type { Migrated } from '../../store/system-store.ts'
import type { Database, Row } from '../database/database.ts'
import { roles } from '../database/roles.ts'
import { buildIndexes } from './indexes.ts'
import { postgresSetup } from './setup.ts'
import { version1 } from './version-1.ts'
import { version2 } from './version-2.ts'
import { version3 } from './version-3.ts'
import { version4 } from './version-4.ts'
import { version5 } from './version-5.ts'
import { version6 } from './version-6.ts'

/**
 * The shapes of the store, oldest first. Forward only, and additive: a worker of the version before goes on with the
 * newer shape until it is replaced. What is taken away goes two versions after nobody uses it.
 */
const versions: readonly string[] = [version1, version2, version3, version4, version5, version6]

/** The shape that this code is written for. */
export const newestVersion: number = versions.length

const versionRow = z.object({ version: z.int() })

/**
 * Brings the database into its newest shape. However many processes do it at once, one does and the others wait: an
 * advisory lock stands round all of it, and each version is one transaction that waits half a second at a time for a
 * table that somebody holds. Indexes of what may be large are built after it, beside whoever writes. A database with a newer shape than
 * this code knows is left as it is.
 */
export async function migrate(database: Database, logger?: EngineLogger): Promise<Migrated> {
  const migrated = await database.script(async (run) => {
    await run(`SELECT pg_advisory_lock(hashtextextended('ringfence.migrate', 0))`)
    try {
      await setUp(run)
      const from = await versionOf(run)
      for (let version = from; version < newestVersion; version += 1) {
        await untilLocked(
          run,
          `BEGIN;
          SET LOCAL ROLE ${roles.migrations};
          SET LOCAL search_path = ringfence;
          SET LOCAL lock_timeout = '${lockMs}ms';
          ${versions[version] ?? ''}
          INSERT INTO migrations (version) VALUES (${version + 1});
          COMMIT;`,
        )
      }
      return { from, to: Math.max(from, newestVersion) }
    } finally {
      await run(`SELECT pg_advisory_unlock(hashtextextended('ringfence.migrate', 0))`)
    }
  })
  await database.script((run) => buildIndexes(run, database.kind, logger))
  return migrated
}

/** How long a change waits for a table: whoever comes after it waits as long, which is as long as nobody may notice. */
const lockMs = 500
const mostTries = 60

/** Tries a change again where somebody holds its table for longer, as a backup does. */
async function untilLocked(run: Run, change: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await run(change)
      return
    } catch (error) {
      await run('ROLLBACK')
      if (!isLockTimeout(error) || tries === mostTries) throw error
      await new Promise((resolve) => setTimeout(resolve, lockMs))
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55P03'
}

/** Throws `STORE_VERSION` where the database has not the shape that this code needs. */
export async function assertMigrated(database: Database): Promise<void> {
  const version = await database.script(async (run) =>
    (await hasMigrations(run)) ? versionOf(run) : 0,
  )
  if (version >= newestVersion) return
  throw new EngineError(
    'STORE_VERSION',
    `The database has version ${version} of the store's tables, and this code needs ${newestVersion}. ` +
      'Open the store with `migrate: true`, or let the process that migrates go first.',
  )
}

type Run = (text: string) => Promise<readonly Row[]>

async function setUp(run: Run): Promise<void> {
  if (await hasMigrations(run)) return
  await run(postgresSetup)
  await run(`
    BEGIN;
    SET LOCAL ROLE ${roles.migrations};
    CREATE TABLE IF NOT EXISTS ringfence.migrations (
      version integer PRIMARY KEY, applied_on timestamptz NOT NULL DEFAULT now()
    );
    GRANT USAGE ON SCHEMA ringfence TO ${roles.data};
    GRANT SELECT ON ringfence.migrations TO ${roles.data};
    COMMIT;`)
}

async function hasMigrations(run: Run): Promise<boolean> {
  const [row] = await run(`SELECT to_regclass('ringfence.migrations') IS NOT NULL AS there`)
  return row?.['there'] === true
}

async function versionOf(run: Run): Promise<number> {
  const [row] = await run(
    'SELECT coalesce(max(version), 0)::integer AS version FROM ringfence.migrations',
  )
  return versionRow.parse(row).version
}
