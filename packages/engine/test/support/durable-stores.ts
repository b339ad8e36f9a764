import { afterAll, describe } from 'vitest'
import type { Database } from '../../src/postgres/database/database.ts'
import { openPgDatabase } from '../../src/postgres/database/pg-database.ts'
import { openPgliteDatabase } from '../../src/postgres/database/pglite-database.ts'
import { migrate } from '../../src/postgres/schema/migrate.ts'
import { PostgresStore, type PostgresStoreParts } from '../../src/postgres/store/postgres-store.ts'
import {
  durableRuntime,
  skippedWithoutNode,
  skippedWithoutPostgres,
  startPostgres,
} from './postgres-cluster.ts'

type StoreOptions = Omit<PostgresStoreParts, 'database'>

/** A database that many stores are made on, one after the other, each of them empty. */
export interface EmptyStores {
  readonly open: (options?: StoreOptions) => Promise<PostgresStore>
  /** Another store on what is there, as another process has it. */
  readonly another: (options?: StoreOptions) => Promise<PostgresStore>
  readonly database: () => Promise<Database>
}

const owned = [
  'runs',
  'threads',
  'approvals',
  'idempotency_keys',
  'ledger_accounts',
  'ledger_sums',
  'ledger_holds',
  'audit',
]

function emptyStores(connect: () => Promise<Database>): EmptyStores {
  let connected: Promise<Database> | undefined
  const database = (): Promise<Database> => (connected ??= connect())
  return {
    database,
    another: async (options = {}) => storeOn(await database(), options),
    open: async (options = {}) => {
      const shared = await database()
      const emptied = owned.map((name) => `DELETE FROM ringfence.${name};`)
      await shared.script((run) => run(emptied.join('\n')))
      return storeOn(shared, options)
    },
  }
}

function storeOn(shared: Database, options: StoreOptions): PostgresStore {
  return new PostgresStore({
    ...options,
    database: {
      kind: shared.kind,
      queue: shared.queue,
      transaction: (...given) => shared.transaction(...given),
      script: (work) => shared.script(work),
      queueTransaction: (work) => shared.queueTransaction(work),
      listen: (...given) => shared.listen(...given),
      // The next store is made on it.
      close: async () => undefined,
    },
  })
}

/** Runs tests on PGlite and on a PostgreSQL server; what is not there is skipped by name. */
export function onDurableStores(
  title: string,
  tests: (name: string, stores: EmptyStores) => void,
): void {
  const closing: (() => Promise<void>)[] = []
  afterAll(async () => {
    for (const close of closing.toReversed()) await close()
  })
  async function migrated(database: Database): Promise<Database> {
    closing.push(() => database.close())
    await migrate(database)
    return database
  }

  describe.skipIf(!durableRuntime)(`${skippedWithoutNode}${title}, PGlite`, () => {
    tests(
      'PGlite',
      emptyStores(async () => migrated(await openPgliteDatabase(undefined))),
    )
  })
  describe.skipIf(skippedWithoutPostgres !== '')(
    `${skippedWithoutPostgres}${title}, PostgreSQL`,
    () => {
      const stores = emptyStores(async () => {
        const cluster = await startPostgres({ durable: false })
        closing.push(() => cluster.stop())
        const url = await cluster.database()
        return migrated(await openPgDatabase({ url, connections: 10, logger: undefined }))
      })
      tests('PostgreSQL', stores)
    },
  )
}
