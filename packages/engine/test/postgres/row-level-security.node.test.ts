import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Database } from '../../src/postgres/database/database.ts'
import { ownerValues } from '../../src/postgres/database/owner-settings.ts'
import { openRunQueue } from '../../src/postgres/index.ts'
import { cancelRun } from '../../src/postgres/queue/cancel-run.ts'
import { JobQueue } from '../../src/postgres/queue/job-queue.ts'
import { QueuedRuns } from '../../src/postgres/queue/queued-runs.ts'
import { takeRun } from '../../src/postgres/queue/taken-run.ts'
import { assertFenced } from '../../src/postgres/schema/assert-fenced.ts'
import { PostgresStore } from '../../src/postgres/store/postgres-store.ts'
import { defineAgent, type EngineStore } from '../../src/index.ts'
import { runAsSystem } from '../../src/system/system-scope.ts'
import { caught, engineError } from '../support/caught.ts'
import { deploymentKeys, envelopesOf } from '../support/durable-node.ts'
import { onDurableStores } from '../support/durable-stores.ts'
import { engineOf } from '../support/engine.ts'
import { fillStore, readBack } from '../support/fill-store.ts'
import { alice, bob, users } from '../support/users.ts'

const at = new Date(0).toISOString()
const canary = 'canary-of-alice'

/** The same database for code that has every owner's filter wrong. */
function withStatements(
  database: Database,
  change: (text: string, values: readonly unknown[]) => readonly [string, readonly unknown[]],
): { readonly database: Database; readonly changed: Set<string> } {
  const changed = new Set<string>()
  return {
    changed,
    database: {
      kind: database.kind,
      queue: database.queue,
      script: (work) => database.script(work),
      queueTransaction: (work) => database.queueTransaction(work),
      listen: async () => async () => undefined,
      close: async () => undefined,
      transaction: (owner, work) =>
        database.transaction(owner, (sql) =>
          work((text, values = []) => {
            const [other, others] = change(text, values)
            if (other !== text || others !== values) changed.add(text)
            return sql(other, others)
          }),
        ),
    },
  }
}

/** Whatever the engine asks a store for, each with the ids that everybody uses. What is refused is as good. */
async function useEverything(store: EngineStore): Promise<unknown[]> {
  const stamp = { at, runId: 'run', requestId: 'r', userId: 'bob', agent: 'agent' }
  const account = store.ledger.account()
  const limits = [{ window: 'run', measure: 'inputTokens', most: 1 }] as const
  const entry = { runId: 'run', agent: 'agent', at: 0, amounts: { inputTokens: 1 } }
  const turn = { turnId: 'turn', at, messages: [] }
  const calls: (() => Promise<unknown>)[] = [
    () => store.runs.get('run'),
    () => store.runs.list(),
    () => store.runs.list({ before: 'run' }),
    () => store.runs.read('run', undefined, 10),
    () => store.runs.append('run', [{ ...stamp, type: 'agent_text', data: { delta: 'x' } }]),
    () => store.runs.delete('run'),
    () => store.threads.get('thread'),
    () => store.threads.list(),
    () => store.threads.read('thread'),
    () => store.threads.append('thread', { ...turn, continues: true }),
    () => store.threads.append('thread', { ...turn, runId: 'run' }),
    () => store.threads.delete('thread'),
    () => store.approvals.get('approval'),
    () => store.approvals.list(),
    () => store.approvals.resolve('approval', { outcome: 'approved', at, by: bob }),
    () =>
      store.approvals.redeem(
        'approval',
        { runId: 'run', callId: 'call-1', argumentsHash: 'hash' },
        at,
      ),
    () => store.approvals.deleteOf('run'),
    () => store.idempotency.confirm('agent', 'key', 'run', 'stolen'),
    () => store.idempotency.release('agent', 'key', 'run'),
    () => account.standings(limits, 0, 'run'),
    () => account.sums('total', 0),
    () => account.windows('total', 5),
    () => account.run('run'),
    () => account.hold({ ...entry, holdId: 'hold', expiresAt: 1_000 }, limits),
    () => account.settle('hold', entry),
  ]
  const answers: unknown[] = []
  for (const call of calls) answers.push(await call().catch(() => undefined))
  return answers
}

onDurableStores('row-level security', (_, { open, database }) => {
  test('a query that has lost its filter finds nothing of anybody else, whichever it is', async () => {
    const store = await open()
    await users.run(alice, () => fillStore(store, canary))
    const filter = /tenant = \$1 AND user_id = \$2/gu
    const forgetful = withStatements(await database(), (text, values) => [
      text.replace(filter, '$1::text IS NOT NULL AND $2::text IS NOT NULL'),
      values,
    ])
    const careless = new PostgresStore({ database: forgetful.database })
    const answers = await users.run(bob, () => useEverything(careless))
    expect(JSON.stringify(answers)).not.toContain(canary)
    expect(forgetful.changed.size).toBeGreaterThan(20)
    expect(answers.slice(0, 4)).toEqual([undefined, { runs: [] }, { runs: [] }, undefined])
    await users.run(alice, async () => {
      expect(await readBack(store)).toEqual(['run', 'thread', 'approval', 'key', 'ledger'])
      expect(await store.approvals.get('approval')).toMatchObject({ status: 'pending' })
      const { all } = await store.ledger.account().sums('total', 0)
      expect(all.inputTokens).toBe(3)
    })
    await careless.close()
  })

  test("a statement with somebody else's key reads nothing and writes nothing", async () => {
    const store = await open()
    await users.run(alice, () => fillStore(store, canary))
    const [tenant, userId] = ownerValues(alice)
    const mistaken = withStatements(await database(), (text, values) =>
      values[1] === 'bob' ? [text, [tenant, userId, ...values.slice(2)]] : [text, values],
    )
    const careless = new PostgresStore({ database: mistaken.database })
    await users.run(bob, async () => {
      const answers = await useEverything(careless)
      expect(JSON.stringify(answers)).not.toContain(canary)
      const created = { runId: 'new', agent: 'agent', requestId: 'r', createdAt: at }
      const refusal = await caught(() => careless.runs.create(created))
      expect(refusal).toMatchObject({ message: expect.stringContaining('row-level security') })
    })
    await users.run(alice, async () => {
      expect(await readBack(store)).toEqual(['run', 'thread', 'approval', 'key', 'ledger'])
      expect((await store.runs.list()).runs).toHaveLength(1)
    })
    await careless.close()
  })

  test('a queue whose queries have lost their filter starts, takes and cancels nothing of anybody else', async () => {
    const store = await open()
    const envelopes = envelopesOf(deploymentKeys())
    const filter = /tenant = \$1 AND user_id = \$2/gu
    const forgetful = withStatements(await database(), (text, values) => [
      text.replace(filter, '$1::text IS NOT NULL AND $2::text IS NOT NULL'),
      values,
    ])
    const careless = new PostgresStore({ database: forgetful.database, pollMs: 50 })
    const queue = await openRunQueue({ store: careless, ...envelopes })
    const good = await openRunQueue({ store, ...envelopes })
    const whose = defineAgent({
      name: 'whose',
      input: z.object({}),
      output: z.object({ userId: z.string() }),
      run: () => ({ userId: users.current().userId }),
    })
    const limits = { ownerQueue: 2 }
    const theirs = engineOf([whose], { store, queue: good, limits })
    const engine = engineOf([whose], { store: careless, queue, limits })
    const inThread = { threadId: 't' }
    const hers = await users.run(alice, async () => {
      const first = await theirs.start('whose', {}, inThread)
      return [first, await theirs.start('whose', {}, inThread)]
    })
    const ids = hers.map(({ runId }) => runId)
    await users.run(bob, async () => {
      const joined = await engine.start('whose', {}, { ...inThread, threadPolicy: 'join' })
      expect(ids).not.toContain(joined.runId)
      for (const runId of ids) {
        expect((await engineError(() => engine.cancel(runId))).code).toBe('RUN_NOT_FOUND')
      }
      const jobs = await JobQueue.open({
        database: forgetful.database,
        ownerConcurrency: 1,
        attempts: 1,
        heartbeatSeconds: 10,
        activeSeconds: 60,
        logger: undefined,
      })
      const queued = new QueuedRuns(careless, jobs)
      expect(await queued.sendNext(bob, 't')).toBe(false)
      for (const runId of ids) {
        expect(await queued.putBack(bob, runId, 0)).toBe(false)
        const job = { userId: 'bob', runId, envelope: '' }
        expect(await takeRun(careless, bob, job, 'a worker', undefined)).toBeUndefined()
        expect(await cancelRun(careless, bob, runId, 'caller')).toBeUndefined()
      }
      await jobs.close()
      queue.work(engine)
      expect(await joined.result).toEqual({ userId: 'bob' })
    })
    await users.run(alice, async () => {
      for (const { result } of hers) expect(await result).toEqual({ userId: 'alice' })
    })
    const changed = [...forgetful.changed].join('\n')
    for (const words of [
      'cancel_reason = coalesce',
      'AS waiting',
      'held AND',
      'SET attempt = attempt + 1, worker = $4',
    ]) {
      expect(changed).toContain(words)
    }
    await queue.close({ graceMs: 0 })
    await good.close({ graceMs: 0 })
    await Promise.all([theirs.close({ graceMs: 0 }), engine.close({ graceMs: 0 })])
    await careless.close()
  })

  test('without an owner nobody is seen, and every table with owners has the fence', async () => {
    const store = await open()
    await users.run(alice, () => fillStore(store, canary))
    const shared = await database()
    const tables = await shared.script((run) =>
      run(`SELECT c.relname AS name, c.relrowsecurity AS fenced,
          (SELECT string_agg(a.attname, ',' ORDER BY k.position) FROM pg_index i
            CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attribute, position)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attribute
            WHERE i.indrelid = c.oid AND i.indisprimary) AS key
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'ringfence' AND c.relkind = 'r' ORDER BY c.relname`),
    )
    const ownerless = new Set(['audit', 'migrations', 'processes', 'queue_clock'])
    const owned = tables.filter(({ name }) => !ownerless.has(String(name)))
    expect(owned.length).toBe(tables.length - ownerless.size)
    for (const { name, fenced, key } of owned) {
      expect(`${String(name)} ${String(fenced)}`).toBe(`${String(name)} true`)
      expect(String(key)).toMatch(/^tenant,user_id/u)
      const rows = await shared.transaction(undefined, (sql) =>
        sql(`SELECT 1 FROM ${String(name)}`),
      )
      expect(rows).toEqual([])
    }
  })

  test('the role of the data reaches neither the audit trail nor the queue, and cannot change the tables', async () => {
    await open()
    const shared = await database()
    for (const statement of [
      'SELECT * FROM audit',
      'DELETE FROM audit',
      'INSERT INTO audit (position, record) VALUES (7, $$x$$)',
      'ALTER TABLE runs DISABLE ROW LEVEL SECURITY',
      'DROP POLICY own_rows ON runs',
      'CREATE TABLE ringfence.mine (id text)',
      'CREATE TABLE ringfence_queue.mine (id text)',
    ]) {
      const refusal = await caught(() => shared.transaction(alice, (sql) => sql(statement)))
      expect(refusal).toMatchObject({
        message: expect.stringMatching(/permission denied|must be owner/u),
      })
    }
  })

  test('a database whose fence has a hole is not opened', async () => {
    await open()
    const shared = await database()
    const holes = [
      ['ALTER ROLE ringfence_data BYPASSRLS', 'ALTER ROLE ringfence_data NOBYPASSRLS'],
      ['ALTER ROLE ringfence_data SUPERUSER', 'ALTER ROLE ringfence_data NOSUPERUSER'],
      ['ALTER ROLE ringfence_queue BYPASSRLS', 'ALTER ROLE ringfence_queue NOBYPASSRLS'],
      [
        'GRANT ringfence_migrations TO ringfence_data',
        'REVOKE ringfence_migrations FROM ringfence_data',
      ],
      [
        'GRANT USAGE ON SCHEMA ringfence TO ringfence_queue',
        'REVOKE USAGE ON SCHEMA ringfence FROM ringfence_queue',
      ],
      [
        'ALTER TABLE ringfence.events DISABLE ROW LEVEL SECURITY',
        'ALTER TABLE ringfence.events ENABLE ROW LEVEL SECURITY',
      ],
      [
        'CREATE POLICY all_rows ON ringfence.runs USING (true)',
        'DROP POLICY all_rows ON ringfence.runs',
      ],
    ] as const
    for (const [hole, mended] of holes) {
      await shared.script((run) => run(hole))
      const refusal = await engineError(() => assertFenced(shared))
      await shared.script((run) => run(mended))
      expect([hole, refusal.code]).toEqual([hole, 'STORE_UNFENCED'])
      await assertFenced(shared)
    }
    // What binds other roles, or only takes away, is the deployer's own business.
    await shared.script((run) =>
      run('CREATE POLICY fewer ON ringfence.runs AS RESTRICTIVE USING (true)'),
    )
    await assertFenced(shared)
    await shared.script((run) => run('DROP POLICY fewer ON ringfence.runs'))
  })

  test('an id that is taken by somebody else is free: nothing tells that it is there', async () => {
    const store = await open()
    await users.run(alice, () => fillStore(store, canary))
    await users.run(bob, () => fillStore(store, 'his own'))
    const inspected = await runAsSystem('inspect', () => store.system.inspect())
    expect(inspected).toMatchObject({ owners: 2, runs: 2, threads: 2, approvals: 2 })
  })

  test('owners whose names PostgreSQL would take for one stay two', async () => {
    const store = await open()
    const names = [
      '\ufffd',
      '\\d800',
      '\\\\d800',
      '\\0000',
      "x'; --",
      'x\\',
      "E'x",
      '\u00e9',
      'e\u0301',
    ]
    for (const userId of names) await users.run({ userId }, () => fillStore(store, `of ${userId}`))
    for (const userId of names) {
      await users.run({ userId }, async () => {
        expect(await store.runs.get('run')).toMatchObject({ result: `of ${userId}` })
        expect((await store.runs.list()).runs).toHaveLength(1)
      })
    }
  })

  test('ids that PostgreSQL cannot hold, or would take for one, are kept as they are', async () => {
    const store = await open()
    await users.run(alice, async () => {
      await store.runs.create({ runId: 'odd\0\ud800', agent: 'a', requestId: 'r', createdAt: at })
      expect((await store.runs.list()).runs).toMatchObject([{ runId: 'odd\0\ud800' }])
      expect(await store.runs.get('odd\0\ud801')).toBeUndefined()
    })
  })
})
