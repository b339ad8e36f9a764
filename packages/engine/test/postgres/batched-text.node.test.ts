import { expect, test } from 'vitest'
import * as z from 'zod'
import type { Database } from '../../src/postgres/database/database.ts'
import { appendEvents } from '../../src/postgres/store/append-events.ts'
import { batchedTextContract } from '../contract/batched-text-contract.ts'
import { nextTurn, until } from '../support/deferred.ts'
import { onDurableStores } from '../support/durable-stores.ts'
import { alice, users } from '../support/users.ts'

const counted = z.object({ rows: z.int(), appends: z.int() })

const updated = z.object({ all: z.int(), light: z.int() })

onDurableStores('the durable store', (name, { open, another, database }) => {
  batchedTextContract(name, async (batchMs) => {
    const store = await open({ batchMs })
    const shared = await database()
    return {
      store,
      // What one statement has added has one transaction's number.
      stored: async (runId) => {
        const [row] = await shared.script((run) =>
          run(`SELECT count(*)::integer AS rows, count(DISTINCT xmin::text)::integer AS appends
            FROM ringfence.events WHERE run_id = '${runId}'`),
        )
        return counted.parse(row)
      },
      takeAway: async (runId) => {
        await shared.script((run) =>
          run(`UPDATE ringfence.runs SET attempt = attempt + 1 WHERE run_id = '${runId}'`),
        )
      },
      dispose: () => store.close(),
    }
  })

  test('appending rewrites the row of the run and none of its index entries', async () => {
    const store = await open()
    const shared = await database()
    const at = new Date(0).toISOString()
    await users.run(alice, async () => {
      await store.runs.create({ runId: 'r', agent: 'a', requestId: 'q', createdAt: at })
      await store.runs.append('r', [
        {
          type: 'agent_started',
          at,
          runId: 'r',
          requestId: 'q',
          userId: 'alice',
          agent: 'a',
          data: { queuedMs: 0 },
        },
      ])
    })
    const [before, after] = await shared.transaction(alice, async (sql) => {
      const updates = async (): Promise<z.output<typeof updated>> => {
        const [row] =
          await sql(`SELECT pg_stat_get_xact_tuples_updated('runs'::regclass)::integer AS all,
          pg_stat_get_xact_tuples_hot_updated('runs'::regclass)::integer AS light`)
        return updated.parse(row)
      }
      const first = await updates()
      const inside: Database = {
        kind: shared.kind,
        queue: shared.queue,
        script: (work) => shared.script(work),
        queueTransaction: (work) => shared.queueTransaction(work),
        listen: async () => async () => undefined,
        close: async () => undefined,
        transaction: (_, work) => work(sql),
      }
      const parts = { database: inside, wakeUps: store.parts.wakeUps }
      const stamp = { at, runId: 'r', requestId: 'q', userId: 'alice', agent: 'a' }
      await appendEvents(parts, { owner: alice, runId: 'r', attempt: 0 }, [
        { ...stamp, type: 'agent_text', data: { delta: 'x' } },
      ])
      return [first, await updates()] as const
    })
    // `light`: an update that the indexes need not know of.
    expect(after).toEqual({ all: before.all + 1, light: before.light + 1 })
    await store.close()
  })

  test('another process is told of every run that was appended to, though it does not look by itself', async () => {
    const never = { pollMs: 1_000_000 }
    const [one, other] = [await open(never), await another(never)]
    const at = new Date(0).toISOString()
    const runIds = Array.from({ length: 40 }, (_, index) => `run-${index}`)
    const told = new Set<string>()
    await users.run(alice, async () => {
      for (const runId of runIds) {
        await one.runs.create({ runId, agent: 'a', requestId: 'q', createdAt: at })
        await other.runs.watch(runId, () => told.add(runId))
      }
      const say = (runId: string): Promise<unknown> =>
        one.runs.append(runId, [
          {
            type: 'agent_text',
            at,
            runId,
            requestId: 'q',
            userId: 'alice',
            agent: 'a',
            data: { delta: 'x' },
          },
        ])
      // It may not listen yet when the first is told.
      while (!told.has('run-0')) await Promise.all([say('run-0'), nextTurn()])
      told.clear()
      await Promise.all(runIds.map(say))
      await until(() => told.size === runIds.length)
    })
    expect([...told].toSorted()).toEqual(runIds.toSorted())
    await Promise.all([one.close(), other.close()])
  })
})
