import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPgDatabase } from '../../src/postgres/database/pg-database.ts'
import { assertMigrated, migrate, newestVersion } from '../../src/postgres/schema/migrate.ts'
import { assertSupportedRuntime } from '../../src/postgres/supported-runtime.ts'
import { openPostgresStore } from '../../src/postgres/index.ts'
import type { Database } from '../../src/postgres/database/database.ts'
import { caught, engineError } from '../support/caught.ts'
import { fillStore, readBack } from '../support/fill-store.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, users } from '../support/users.ts'

describe.skipIf(skippedWithoutPostgres !== '')(`${skippedWithoutPostgres}migrations`, () => {
  let cluster: PostgresCluster
  const open: Database[] = []
  const clients: pg.Client[] = []
  const connect = async (url: string): Promise<Database> => {
    const database = await openPgDatabase({ url, connections: 2, logger: undefined })
    open.push(database)
    return database
  }

  beforeAll(async () => {
    cluster = await startPostgres({ durable: false })
  })
  afterAll(async () => {
    for (const client of clients) await client.end()
    for (const database of open) await database.close()
    await cluster.stop()
  })

  test('of many processes that migrate at once, one does', async () => {
    const url = await cluster.database()
    const databases = await Promise.all(Array.from({ length: 6 }, () => connect(url)))
    const migrated = await Promise.all(databases.map((database) => migrate(database)))
    expect(migrated.map(({ from }) => from).toSorted((one, other) => one - other)).toEqual([
      0,
      ...Array.from({ length: 5 }, () => newestVersion),
    ])
    const rows = await databases[0]?.script((run) =>
      run('SELECT version FROM ringfence.migrations'),
    )
    expect(rows).toHaveLength(newestVersion)
  })

  test('a store that is not to migrate refuses a database that is behind, and takes one that is ahead', async () => {
    const url = await cluster.database()
    const behind = await engineError(() => openPostgresStore({ url, migrate: false }))
    expect(behind.code).toBe('STORE_VERSION')
    const database = await connect(url)
    await migrate(database)
    await assertMigrated(database)
    await database.script((run) => run('INSERT INTO ringfence.migrations (version) VALUES (999)'))
    expect(await migrate(database)).toEqual({ from: 999, to: 999 })
    const store = await openPostgresStore({ url, migrate: false })
    await users.run(alice, () => fillStore(store))
    expect(await users.run(alice, () => readBack(store))).toHaveLength(5)
    await store.close()
  })

  test('a database whose row-level security would not hold is not opened', async () => {
    const url = await cluster.database()
    const database = await connect(url)
    await migrate(database)
    const turn = (how: string): Promise<unknown> =>
      database.script((run) => run(`ALTER TABLE ringfence.events ${how} ROW LEVEL SECURITY`))
    await turn('DISABLE')
    const refusal = await engineError(() => openPostgresStore({ url, migrate: false }))
    expect(refusal).toMatchObject({
      code: 'STORE_UNFENCED',
      message: expect.stringContaining('events'),
    })
    await turn('ENABLE')
    await (await openPostgresStore({ url })).close()
  })

  test('a store works on while another process migrates again', async () => {
    const url = await cluster.database()
    const store = await openPostgresStore({ url })
    await users.run(alice, () => fillStore(store))
    await migrate(await connect(url))
    expect(await users.run(alice, () => readBack(store))).toHaveLength(5)
    await store.close()
  })

  /** A session of its own, in which a transaction can stay open. */
  async function session(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, statement_timeout: 8_000 })
    await client.connect()
    clients.push(client)
    return client
  }

  const addRun = (client: pg.Client): Promise<unknown> =>
    client.query(`INSERT INTO ringfence.runs (tenant, user_id, run_id, agent, request_id, created_at)
        VALUES ('', 'alice', gen_random_uuid()::text, 'agent', 'request', '')`)

  /** Resolves when somebody waits for a lock. */
  async function somebodyWaits(client: pg.Client): Promise<void> {
    const sql = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND datname = current_database()`
    while ((await client.query(sql)).rowCount === 0) await setTimeout(20)
  }

  test('a table that somebody holds for long is waited for in short turns, and workers work on', async () => {
    const url = await cluster.database()
    const database = await connect(url)
    await migrate(database)
    // As the version before the newest that changes a table left it.
    await database.script((run) =>
      run(`DELETE FROM ringfence.migrations WHERE version > 4;
          DROP FUNCTION ringfence.unattended_runs(bigint, interval, integer);
          DROP FUNCTION ringfence.overdue_runs(integer);
          ALTER TABLE ringfence.runs DROP COLUMN queue_ms, DROP COLUMN queued_until`),
    )
    const [backup, worker] = [await session(url), await session(url)]
    await backup.query('BEGIN; LOCK TABLE ringfence.runs IN ACCESS SHARE MODE')
    const migrated = migrate(database)
    await somebodyWaits(worker)
    // It stands behind the change that waits: that gives up, and this goes on.
    await addRun(worker)
    await backup.query('COMMIT')
    expect(await migrated).toEqual({ from: 4, to: newestVersion })
  })

  test('an index of a large table is built beside whoever writes, and again where that was broken off', async () => {
    const url = await cluster.database()
    const database = await connect(url)
    await migrate(database)
    const [writer, worker] = [await session(url), await session(url)]
    await worker.query('DROP INDEX ringfence.runs_in_thread')
    await worker.query(
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ringfence.runs_overdue'::regclass`,
    )
    await writer.query('BEGIN')
    await addRun(writer)
    const migrated = migrate(database)
    await somebodyWaits(worker)
    await addRun(worker)
    await writer.query('COMMIT')
    await migrated
    const { rows } = await worker.query(`SELECT relname, indisvalid FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid WHERE relname IN ('runs_in_thread', 'runs_overdue')
        ORDER BY relname`)
    expect(rows).toEqual([
      { relname: 'runs_in_thread', indisvalid: true },
      { relname: 'runs_overdue', indisvalid: true },
    ])
  })

  test('the runs of a thread are found by their index, however many others their owner has', async () => {
    const url = await cluster.database()
    const store = await openPostgresStore({ url })
    const client = await session(url)
    await client.query(`INSERT INTO ringfence.runs (tenant, user_id, run_id, agent, request_id, created_at, thread_id)
        SELECT '', 'alice', number::text, 'agent', 'request', '', CASE WHEN number < 3 THEN 'short' ELSE 'long' END
        FROM generate_series(1, 20000) AS number`)
    await client.query('ANALYZE ringfence.runs')
    const page = await users.run(alice, () => store.runs.list({ threadId: 'short' }))
    expect(page.runs.map(({ runId }) => runId)).toEqual(['2', '1'])
    // What a session has read is counted when it ends.
    await store.close()
    const scans = `SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'runs_in_thread' AND idx_scan > 0`
    while ((await client.query(scans)).rowCount === 0) await setTimeout(50)
  }, 20_000)

  test('options that make no sense are refused', async () => {
    for (const options of [
      {},
      { url: 'mysql://x' },
      { url: 'postgres://x', dataDir: '/x' },
      { url: 'postgres://x', connections: 0 },
    ]) {
      expect(await caught(() => openPostgresStore(options))).toBeInstanceOf(TypeError)
    }
  })
})

test.each([
  [{ node: '20.20.2' }],
  [{ node: '22.11.0' }],
  [{ node: '24.0.0', bun: '1.4.0' }],
  [{ deno: '2.9.0', node: '24.2.0' }],
  [{}],
])('the runtime %o is refused', async (versions) => {
  const refusal = await engineError(() => assertSupportedRuntime(versions))
  expect(refusal.code).toBe('UNSUPPORTED_RUNTIME')
  assertSupportedRuntime({ node: '22.12.0' })
  assertSupportedRuntime({ node: '26.0.0' })
})
