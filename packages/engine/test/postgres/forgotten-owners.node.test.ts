import type { Owner } from '@ringfence/context'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type NewApproval } from '../../src/index.ts'
import { runAsSystem } from '../../src/system/system-scope.ts'
import { engineError } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { DurableNodes } from '../support/durable-nodes.ts'
import { storyOf } from '../support/engine.ts'
import { fillStore } from '../support/fill-store.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { openPostgresStore, type PostgresStore } from '../../src/postgres/index.ts'
import { users } from '../support/users.ts'

const gone = { tenantId: 'acme', userId: 'gone-for-good' }
const namesake = { userId: 'gone-for-good' }
const both: readonly Owner[] = [gone, namesake]
const named = z.object({ name: z.string() })

const echo = defineAgent({
  name: 'echo',
  input: z.object({ text: z.string() }),
  output: z.object({ text: z.string() }),
  run: async ({ text }, execution) => {
    await execution.text(text)
    return { text }
  },
})

const approvalOf = (runId: string): NewApproval => ({
  approvalId: `approval of ${runId}`,
  runId,
  callId: 'call-1',
  agent: 'spender',
  tool: 'tool',
  argumentsHash: 'hash',
  requestedAt: new Date().toISOString(),
  expiresAt: new Date(Date.now() + 60_000).toISOString(),
})

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}an owner who is forgotten`,
  () => {
    let cluster: PostgresCluster
    const nodes = new DurableNodes()
    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())
    afterEach(() => nodes.close())

    /** The tables of the whole database, the queue's included, in which a text stands. */
    async function tablesWith(store: PostgresStore, text: string): Promise<string[]> {
      return store.parts.database.script(async (run) => {
        const tables = await run(`SELECT format('%I.%I', n.nspname, c.relname) AS name
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'r' AND n.nspname LIKE 'ringfence%' ORDER BY 1`)
        const found: string[] = []
        for (const { name } of tables.map((row) => named.parse(row))) {
          const rows = await run(`SELECT 1 FROM ${name} t WHERE t::text LIKE '%${text}%' LIMIT 1`)
          if (rows.length > 0) found.push(name)
        }
        return found
      })
    }

    test('is in no table any more but the trail, whatever became of their runs and jobs', async () => {
      const url = await cluster.database()
      nodes.begin(url)
      const { store, queue, engine } = await nodes.add({ agents: [echo] })
      for (const owner of both) {
        await users.run(owner, async () => {
          const canary = `canary-of-${owner.tenantId ?? 'nobody'}`
          await fillStore(store, canary)
          const worker = queue.work(engine)
          const ended = await engine.start('echo', { text: canary })
          await ended.result
          // Its job is kept a while, and no run names it any more.
          const deleted = await engine.start('echo', { text: canary }, { threadId: 't' })
          await deleted.result
          await engine.delete(deleted.runId)
          await worker.stop({ graceMs: 0 })
          const waiting = await engine.start('echo', { text: canary })
          waiting.result.catch(() => undefined)
        })
      }
      // What a worker that was lost again and again has left.
      const boss = new PgBoss({
        db: store.parts.database.queue,
        schema: 'ringfence_queue',
        createSchema: false,
        supervise: false,
        schedule: false,
      })
      boss.on('error', () => undefined)
      await boss.start()
      for (const { tenantId = '', userId } of both) {
        const data = { tenantId, userId, runId: 'lost', envelope: 'sealed' }
        await boss.send('ringfence-lost', data)
      }
      await boss.stop({ graceful: false, close: false })
      const known = await tablesWith(store, 'acme')
      expect(known.filter((name) => name.startsWith('ringfence.')).length).toBeGreaterThan(7)
      expect(known.some((name) => name.startsWith('ringfence_queue.'))).toBe(true)

      for (const userId of ['nul\0', 'half \ud800']) {
        const nobody = await runAsSystem('forget', () => store.system.forget({ userId }))
        expect(nobody).toMatchObject({ runs: 0, jobs: 0 })
      }
      // By a process that has the store open, and no queue.
      const other = await openPostgresStore({ url, connections: 2 })
      const forgotten = await runAsSystem('forget', () => other.system.forget(gone))
      await other.close()
      expect(forgotten).toMatchObject({ runs: 3, threads: 1, approvals: 1, jobs: 4 })
      expect(await tablesWith(store, 'acme')).toEqual([])
      const [theirs] = await store.parts.database.script((run) =>
        run(`SELECT count(*)::integer AS jobs, count(*) FILTER (WHERE name = 'ringfence-lost')::integer AS lost
          FROM ringfence_queue.job WHERE data->>'userId' = 'gone-for-good' AND data->>'tenantId' = ''`),
      )
      expect(theirs).toEqual({ jobs: 4, lost: 1 })
      await users.run(namesake, async () => {
        expect((await engine.runs()).runs).toHaveLength(3)
        queue.work(engine)
        const [newest] = (await engine.runs()).runs
        const story = await storyOf(engine, newest?.runId ?? '')
        expect(story.at(-1)).toMatchObject({ data: { result: { text: 'canary-of-nobody' } } })
      })
    })

    test('leaves nothing behind either of what another process executes, whatever that still writes', async () => {
      nodes.begin(await cluster.database())
      const owner = { userId: 'forgotten-in-the-middle' }
      const begun = deferred()
      const go = deferred()
      const written: (() => Promise<unknown>)[] = []
      const spender = defineAgent({
        name: 'spender',
        input: z.object({}),
        output: z.object({}),
        run: async (_, execution) => {
          const { runId } = users.current()
          const account = worker.store.ledger.account()
          const charge = { agent: 'spender', at: Date.now(), amounts: { inputTokens: 1 } }
          const hold = { ...charge, holdId: 'hold', expiresAt: Date.now() + 60_000 }
          written.push(
            () => execution.usage({ inputTokens: 5 }),
            () => account.charge({ ...charge, runId }),
            () => account.hold({ ...hold, runId }, []),
            () => account.settle('hold', { ...charge, runId }),
            () => worker.store.approvals.create(approvalOf(runId ?? '')),
          )
          for (const write of written) await write()
          begun.resolve()
          await go.promise
          await Promise.allSettled(written.map((write) => write()))
          return {}
        },
      })
      const first = await nodes.add({ agents: [spender] })
      const worker = await nodes.add({ agents: [spender] })
      const working = worker.queue.work(worker.engine)
      await users.run(owner, async () => {
        const { result } = await first.engine.start('spender', {})
        result.catch(() => undefined)
      })
      await begun.promise
      expect(await tablesWith(first.store, owner.userId)).toContain('ringfence.ledger_sums')
      const forgotten = await runAsSystem('forget', () => first.store.system.forget(owner))
      expect(forgotten).toMatchObject({ runs: 1, approvals: 1, ledgerAccounts: 1 })
      go.resolve()
      await expect.poll(() => working.running, { timeout: 20_000 }).toBe(0)
      // Its run is over, and what was given up in it charges until it really ends.
      await written[1]?.()
      await written[3]?.()
      expect((await engineError(async () => written[2]?.())).code).toBe('RUN_NOT_FOUND')
      expect(await tablesWith(first.store, owner.userId)).toEqual([])
    })
  },
)
