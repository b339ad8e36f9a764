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
  const connect = async (url: string): Promise<Database> => {
    const database = await openPgDatabase({ url, connections: 2, logger: undefined })
    open.push(database)
    return database
  }

  beforeAll(async () => {
    cluster = await startPostgres({ durable: false })
  })
  afterAll(async () => {
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
