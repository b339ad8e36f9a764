import { randomBytes } from 'node:crypto'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createOwnerTokens,
  fromDrizzle,
  fromKysely,
  fromPool,
  ownerTokenSetup,
  withOwner,
  type OwnerTokens,
} from '../../src/postgres/index.ts'
import { caught, contextError, engineError } from '../support/caught.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, bob, users } from '../support/users.ts'

const acme = { tenantId: 'acme', userId: 'alice' }
const everybody = [alice, bob, acme]

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}an application's transactions`,
  () => {
    let cluster: PostgresCluster
    let pool: pg.Pool
    let kysely: Kysely<Record<string, never>>
    let tokens: OwnerTokens
    let url: string
    const secret = randomBytes(32)

    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
      url = await cluster.database()
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query(ownerTokenSetup)
      await admin.query('INSERT INTO ringfence_token.keys VALUES ($1, $2)', ['key-1', secret])
      await admin.query(`
      CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS;
      CREATE TABLE notes (tenant text NOT NULL, user_id text NOT NULL, note text NOT NULL);
      ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON notes USING (tenant = current_setting('ringfence.tenant', true)
        AND user_id = current_setting('ringfence.user_id', true));
      CREATE TABLE letters (user_id text NOT NULL, letter text NOT NULL);
      ALTER TABLE letters ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON letters USING (user_id = (SELECT ringfence_token.user_id()));
      GRANT SELECT, INSERT ON notes, letters TO app;
      INSERT INTO notes VALUES ('', 'alice', 'hers'), ('', 'bob', 'his'), ('acme', 'alice', 'at acme');
      INSERT INTO letters VALUES ('alice', 'to her'), ('bob', 'to him');`)
      await admin.end()
      // One connection: whatever one user leaves on it, the next would find.
      pool = new pg.Pool({ connectionString: url.replace('ringfence@', 'app@'), max: 1 })
      // The server may be gone before a connection that ends has said so.
      pool.on('error', () => undefined)
      kysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
      tokens = createOwnerTokens({ kid: 'key-1', secret })
    })
    afterAll(async () => {
      await pool.end()
      await cluster.stop()
    })

    const everyNote = 'SELECT note FROM notes'
    const ways: readonly (readonly [string, () => Promise<string[]>])[] = [
      [
        'pg',
        () =>
          withOwner(fromPool(pool), async (client) =>
            (await client.query<{ note: string }>(everyNote)).rows.map(({ note }) => note),
          ),
      ],
      [
        'drizzle',
        () =>
          withOwner(fromDrizzle(drizzle(pool), drizzleSql), async (transaction) =>
            (await transaction.execute<{ note: string }>(drizzleSql.raw(everyNote))).rows.map(
              ({ note }) => note,
            ),
          ),
      ],
      [
        'kysely',
        () =>
          withOwner(fromKysely(kysely), async (transaction) =>
            (await kyselySql.raw<{ note: string }>(everyNote).execute(transaction)).rows.map(
              ({ note }) => note,
            ),
          ),
      ],
    ]

    test.each(ways)(
      'with %s the policies see the owner of the scope, and nobody afterwards',
      async (_, notes) => {
        const expected = ['hers', 'his', 'at acme']
        for (let round = 0; round < 3; round += 1) {
          for (const [index, owner] of everybody.entries()) {
            expect(await users.run(owner, notes)).toEqual([expected[index]])
            expect((await pool.query(everyNote)).rows).toEqual([])
          }
        }
        const at = everybody.map((owner) => users.run(owner, notes))
        expect(await Promise.all(at)).toEqual([['hers'], ['his'], ['at acme']])
        expect((await contextError(notes)).code).toBe('NO_SCOPE')
      },
    )

    test('what a user leaves on a connection is not there for the next', async () => {
      await users.run(alice, () =>
        withOwner(fromPool(pool), async (client) => {
          await client.query("SET application_name = 'of alice'")
          await client.query("SET ringfence.user_id = 'alice'")
          await client.query('CREATE TEMPORARY TABLE mine AS SELECT note FROM notes')
          await client.query('SELECT pg_advisory_lock(7)')
        }),
      )
      const settings = await pool.query(
        "SELECT current_setting('application_name') AS name, current_setting('ringfence.user_id', true) AS user_id, to_regclass('mine') AS mine, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks",
      )
      expect(settings.rows).toEqual([
        {
          name: '',
          user_id: expect.toSatisfy((value) => value === null || value === ''),
          mine: null,
          locks: 0,
        },
      ])
      expect((await pool.query(everyNote)).rows).toEqual([])
    })

    test('a statement that the application has named is prepared again, whoever used the connection meanwhile', async () => {
      const named = { name: 'notes', text: everyNote }
      for (const [index, owner] of everybody.entries()) {
        expect((await pool.query(named)).rows).toEqual([])
        const notes = await users.run(owner, () =>
          withOwner(fromPool(pool), async (client) => (await client.query(named)).rows),
        )
        expect(notes).toEqual([{ note: ['hers', 'his', 'at acme'][index] }])
        expect((await pool.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([])
      }
      expect((await pool.query(named)).rows).toEqual([])
    })

    test('a transaction that fails is rolled back, and its connection is as good as new', async () => {
      await users.run(alice, async () => {
        const failed = await caught(() =>
          withOwner(fromPool(pool), async (client) => {
            await client.query("INSERT INTO notes VALUES ('', 'alice', 'lost')")
            await client.query('SELECT 1 / 0')
          }),
        )
        expect(failed).toMatchObject({ code: '22012' })
        const stolen = await caught(() =>
          withOwner(fromPool(pool), (client) =>
            client.query("INSERT INTO notes VALUES ('', 'bob', 'from alice')"),
          ),
        )
        expect(stolen).toMatchObject({ message: expect.stringContaining('row-level security') })
        const [, notes] = ways[0] ?? ['', async () => []]
        expect(await notes()).toEqual(['hers'])
      })
    })

    test('whoever keeps the connection cannot use it when the transaction is over', async () => {
      const kept = await users.run(alice, () =>
        withOwner(fromPool(pool), async (client) => [client]),
      )
      const [client] = kept
      const late = await users.run(bob, () => engineError(async () => client?.query(everyNote)))
      expect(late.code).toBe('FORBIDDEN')
      const told = await new Promise((resolve) => client?.query(everyNote, resolve))
      expect(told).toMatchObject({ code: 'FORBIDDEN' })
    })

    test('work that waits for ever gives its connection back when that breaks', async () => {
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      const failed = await users.run(alice, () =>
        caught(() =>
          withOwner(fromPool(pool), async (client) => {
            const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
            await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
            await new Promise(() => undefined)
          }),
        ),
      )
      await admin.end()
      expect(failed).toMatchObject({ code: '57P01' })
      const [, notes] = ways[0] ?? ['', async () => []]
      expect(await users.run(alice, () => notes())).toEqual(['hers'])
    })

    test('whoever keeps a transaction of drizzle, or a query of it, reads nothing when it is over', async () => {
      const source = fromDrizzle(drizzle(pool), drizzleSql)
      const note = drizzleSql<string>`note`
      const from = drizzleSql`notes`
      const kept = await users.run(alice, () =>
        withOwner(source, async (transaction) => {
          const query = transaction.select({ note }).from(from)
          const prepared = transaction.select({ note }).from(from).prepare('kept')
          expect(await query).toEqual([{ note: 'hers' }])
          expect(await prepared.execute()).toEqual([{ note: 'hers' }])
          const nested = await transaction.transaction((inner) => inner.select({ note }).from(from))
          expect(nested).toEqual([{ note: 'hers' }])
          return [
            async () => transaction.execute(drizzleSql.raw(everyNote)),
            async () => transaction.select({ note }).from(from),
            async () => query,
            async () => prepared.execute(),
          ]
        }),
      )
      // There is one connection: bob's transaction has it.
      await users.run(bob, () =>
        withOwner(source, async (transaction) => {
          for (const late of kept) expect((await engineError(late)).code).toBe('FORBIDDEN')
          expect(await transaction.select({ note }).from(from)).toEqual([{ note: 'his' }])
        }),
      )
    })

    test('work that goes on after a statement that failed is told that nothing was kept', async () => {
      await users.run(alice, async () => {
        const failed = await caught(() =>
          withOwner(fromPool(pool), async (client) => {
            await client.query("INSERT INTO notes VALUES ('', 'alice', 'lost')")
            await client.query('SELECT 1 / 0').catch(() => undefined)
            return 'kept'
          }),
        )
        expect(failed).toMatchObject({ message: expect.stringContaining('rolled back') })
        const [, notes] = ways[0] ?? ['', async () => []]
        expect(await notes()).toEqual(['hers'])
      })
    })

    test('after a commit of its own a transaction sees nobody', async () => {
      const seen = await users.run(alice, () =>
        withOwner(fromPool(pool), async (client) => {
          await client.query('COMMIT')
          return (await client.query(everyNote)).rows
        }),
      )
      expect(seen).toEqual([])
    })

    test('with a token nothing that SQL sets makes a transaction somebody else’s', async () => {
      const letters = 'SELECT letter FROM letters'
      const good = await tokens.issue(bob)
      const foreign = await createOwnerTokens({ kid: 'key-1', secret: randomBytes(32) }).issue(bob)
      const old = await createOwnerTokens({ kid: 'key-1', secret, now: () => 0 }).issue(bob)
      const [kid, expires, tenant] = good.split('.')
      const mine = (await tokens.issue(alice)).split('.')
      const forged = [kid, expires, tenant, Buffer.from('bob').toString('hex'), mine.at(-1)].join(
        '.',
      )
      await users.run(alice, () =>
        withOwner(
          fromPool(pool),
          async (client) => {
            expect((await client.query(letters)).rows).toEqual([{ letter: 'to her' }])
            await client.query("SET LOCAL ringfence.user_id = 'bob'")
            expect((await client.query(letters)).rows).toEqual([{ letter: 'to her' }])
            for (const token of [
              foreign,
              old,
              forged,
              '',
              'a.b',
              '....',
              `${good}0`,
              good.replace('key-1', 'key-2'),
            ]) {
              await client.query("SELECT set_config('ringfence.token', $1, true)", [token])
              expect((await client.query(letters)).rows).toEqual([])
            }
          },
          { tokens },
        ),
      )
      await users.run(bob, () =>
        withOwner(
          fromPool(pool),
          async (client) => {
            expect((await client.query(letters)).rows).toEqual([{ letter: 'to him' }])
            const refusal = await caught(() => client.query('SELECT * FROM ringfence_token.keys'))
            expect(refusal).toMatchObject({ message: expect.stringContaining('permission denied') })
            await client.query('ROLLBACK')
          },
          { tokens },
        ),
      )
      expect((await pool.query(letters)).rows).toEqual([])
    })

    test('a key that is none, and a role that is no name, are refused', async () => {
      expect(
        await caught(() => createOwnerTokens({ kid: 'k', secret: randomBytes(8) })),
      ).toBeInstanceOf(TypeError)
      await users.run(alice, async () => {
        const refusal = await caught(() =>
          withOwner(fromPool(pool), async () => 1, { role: 'app; DROP TABLE notes' }),
        )
        expect(refusal).toBeInstanceOf(TypeError)
      })
    })
  },
)
