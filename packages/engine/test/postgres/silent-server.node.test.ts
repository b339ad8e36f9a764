import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Sql } from '../../src/postgres/database/database.ts'
import { openPgDatabase } from '../../src/postgres/database/pg-database.ts'
import { migrate } from '../../src/postgres/schema/migrate.ts'
import { caught } from '../support/caught.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}a server that does not answer`,
  () => {
    let cluster: PostgresCluster
    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())

    const slow = 'SELECT pg_sleep(2)'
    const session = z.tuple([z.object({ pid: z.int() })])
    const pidOf = async (sql: Sql): Promise<number> =>
      session.parse(await sql('SELECT pg_backend_pid() AS pid'))[0].pid

    test('holds no statement for ever, and its connection is not used again; what may take long takes it', async () => {
      const url = await cluster.database()
      const made = await openPgDatabase({ url, connections: 1, logger: undefined })
      await migrate(made)
      await made.close()
      const database = await openPgDatabase({
        url,
        connections: 1,
        statementMs: 500,
        logger: undefined,
      })
      const before = await database.transaction(undefined, pidOf)
      const unanswered = { code: 'STORE_UNAVAILABLE', cause: { message: 'Query read timeout' } }
      expect(await caught(() => database.transaction(undefined, (sql) => sql(slow)))).toMatchObject(
        unanswered,
      )
      const after = await database.transaction(undefined, pidOf)
      expect(after).not.toBe(before)
      expect(
        await caught(() => database.queueTransaction((queue) => queue.executeSql(slow))),
      ).toMatchObject(unanswered)
      expect(await caught(() => database.queue.executeSql(slow))).toMatchObject(unanswered)
      await database.transaction(undefined, (sql) => sql(slow), true)
      await database.script((run) => run(slow))
      expect(await database.transaction(undefined, pidOf)).toBe(after)
      await database.close()
    })
  },
)
