import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/postgres/database/database.ts'
import { openPgDatabase } from '../../src/postgres/database/pg-database.ts'
import { roles } from '../../src/postgres/database/roles.ts'
import { sessionOptions } from '../../src/postgres/database/session-options.ts'
import { migrate } from '../../src/postgres/schema/migrate.ts'
import { fromPool, withOwner } from '../../src/postgres/index.ts'
import { caught } from '../support/caught.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, users } from '../support/users.ts'

const pid = 'SELECT pg_backend_pid() AS pid'
const settings = `SELECT current_user AS "user", current_setting('idle_in_transaction_session_timeout') AS idle`

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}sessions with a server`,
  () => {
    let cluster: PostgresCluster
    let url: string
    let admin: pg.Client
    const open: Database[] = []
    /** What would have ended the process. */
    const uncaught: unknown[] = []
    const onUncaught = (error: unknown): void => void uncaught.push(error)

    async function connect(address: string): Promise<Database> {
      const database = await openPgDatabase({ url: address, connections: 1, logger: undefined })
      open.push(database)
      await migrate(database)
      return database
    }

    beforeAll(async () => {
      process.on('uncaughtException', onUncaught)
      cluster = await startPostgres({ durable: false })
      url = await cluster.database()
      admin = new pg.Client({ connectionString: url })
      await admin.connect()
    })
    afterEach(async () => {
      for (const database of open.splice(0)) await database.close()
    })
    afterAll(async () => {
      process.off('uncaughtException', onUncaught)
      await admin.end()
      await cluster.stop()
    })

    /** Ends a session as a restart of the server does, and waits until it is gone. */
    async function terminate(session: unknown): Promise<void> {
      await admin.query('SELECT pg_terminate_backend($1, 5000)', [session])
      // What the server said last has arrived by the time that it has answered something else since.
      await admin.query('SELECT pg_sleep(0.05)')
    }

    test('one that ends in the middle of a transaction fails it, and not the process', async () => {
      const database = await connect(url)
      for (let round = 0; round < 3; round += 1) {
        const failure = await caught(() =>
          database.transaction(alice, async (sql) => {
            const [row] = await sql(pid)
            await terminate(row?.['pid'])
            await sql('SELECT 1')
          }),
        )
        expect(failure).toBeInstanceOf(Error)
        const again = await database.transaction(alice, (sql) => sql('SELECT 1 AS one'))
        expect(again).toEqual([{ one: 1 }])
      }
      const failure = await caught(() =>
        database.queueTransaction(async (queue) => {
          const { rows } = await queue.executeSql(pid)
          await terminate(rows[0]?.['pid'])
          await queue.executeSql('SELECT 1')
        }),
      )
      expect(failure).toBeInstanceOf(Error)
      expect(uncaught).toEqual([])
    })

    test('one of an application that ends while its work does something else fails the work alone', async () => {
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      pool.on('error', () => undefined)
      await users.run(alice, async () => {
        const failure = await caught(() =>
          withOwner(fromPool(pool), async (client) => {
            const { rows } = await client.query<{ pid: number }>(pid)
            await terminate(rows[0]?.pid)
          }),
        )
        expect(failure).toBeInstanceOf(Error)
        const { rows } = await withOwner(fromPool(pool), (client) =>
          client.query('SELECT 1 AS one'),
        )
        expect(rows).toEqual([{ one: 1 }])
      })
      expect(uncaught).toEqual([])
      await pool.end()
    })

    test('a listener that could not begin does not come back beside the one that did', async () => {
      const address = url.replace(/\w+$/u, 'not_there_yet')
      const database = await openPgDatabase({ url: address, connections: 1, logger: undefined })
      open.push(database)
      let gaps = 0
      const listen = (): Promise<unknown> =>
        database.listen(
          'ringfence',
          () => undefined,
          () => (gaps += 1),
        )
      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(await caught(listen)).toMatchObject({ code: '3D000' })
      }
      await admin.query('CREATE DATABASE not_there_yet')
      await listen()
      const count = `SELECT count(*)::integer AS listening FROM pg_stat_activity
        WHERE datname = 'not_there_yet' AND application_name = 'ringfence listen'`
      // Longer than one that tries again waits: that is 100 ms, then 200 and 400.
      await admin.query('SELECT pg_sleep(1.5)')
      expect((await admin.query(count)).rows).toEqual([{ listening: 1 }])
      expect(gaps).toBe(0)
    })

    test('whoever stands still in a transaction loses it, and no address takes that or the role away', async () => {
      const given = encodeURIComponent('-c statement_timeout=54321 -c role=ringfence_migrations')
      for (const address of [url, `${url}?options=${given}&application_name=mine`]) {
        const database = await connect(address)
        const [data] = await database.transaction(alice, (sql) => sql(settings))
        expect(data).toEqual({ user: roles.data, idle: '10s' })
        const { rows } = await database.queue.executeSql(settings)
        expect(rows).toEqual([{ user: roles.queue, idle: '10s' }])
      }
      expect(sessionOptions('postgres://db/app?ssl=true&options=-c%20a%3D1', 'someone')).toEqual({
        connectionString: 'postgres://db/app?ssl=true',
        options: '-c a=1 -c idle_in_transaction_session_timeout=10000 -c role=someone',
      })
    })
  },
)
