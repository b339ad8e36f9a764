import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentDefinition, type RunHandle } from '../../src/index.ts'
import { engineError, caught } from '../support/caught.ts'
import { deferred, type Deferred } from '../support/deferred.ts'
import { DurableNodes } from '../support/durable-nodes.ts'
import { storyOf, typesOf } from '../support/engine.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, bob, users } from '../support/users.ts'

/** What happened on all nodes together: they are one process here, so that it can be counted exactly. */
class Meter {
  readonly begun: string[] = []
  readonly most = new Map<string, number>()
  readonly #running = new Map<string, number>()

  readonly agent: AgentDefinition = defineAgent({
    name: 'metered',
    input: z.object({ number: z.int(), ms: z.number() }),
    output: z.null(),
    run: async ({ number, ms }) => {
      const { userId } = users.current()
      this.begun.push(`${userId} ${number}`)
      const running = (this.#running.get(userId) ?? 0) + 1
      this.#running.set(userId, running)
      this.most.set(userId, Math.max(running, this.most.get(userId) ?? 0))
      await new Promise((resolve) => setTimeout(resolve, ms))
      this.#running.set(userId, (this.#running.get(userId) ?? 1) - 1)
      return null
    },
  })
}

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}the queue of several processes`,
  () => {
    let cluster: PostgresCluster
    const nodes = new DurableNodes()

    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())
    afterEach(() => nodes.close())
    const fresh = async (): Promise<void> => nodes.begin(await cluster.database())

    /** An agent that ends when it is told to, and tells when it has begun. */
    function gate(name: string): {
      agent: AgentDefinition
      begun: Deferred<void>
      open: Deferred<void>
    } {
      const [begun, open] = [deferred(), deferred()]
      const agent = defineAgent({
        name,
        input: z.unknown(),
        output: z.unknown(),
        run: async (_, { signal }) => {
          begun.resolve()
          await Promise.race([
            open.promise,
            new Promise((__, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
          ])
        },
      })
      return { agent, begun, open }
    }

    test('no owner has more runs going than is allowed, however many processes take them', async () => {
      await fresh()
      const meter = new Meter()
      const options = { agents: [meter.agent], ownerConcurrency: 2, limits: { ownerQueue: 100 } }
      const [first, second] = [await nodes.add(options), await nodes.add(options)]
      const people = ['a', 'b', 'c', 'd']
      const all: Promise<unknown>[] = []
      for (const userId of people) {
        await users.run({ userId }, async () => {
          for (let number = 0; number < 8; number += 1) {
            const { result } = await first.engine.start('metered', { number, ms: 60 })
            all.push(result)
          }
        })
      }
      for (const { queue, engine } of [first, second, first, second]) {
        queue.work(engine, { concurrency: 6 })
      }
      await Promise.all(all)
      expect(meter.begun).toHaveLength(people.length * 8)
      expect(Math.max(...meter.most.values())).toBe(2)
    })

    test('owners take turns: whoever queues a hundred runs first holds nobody up', async () => {
      await fresh()
      const meter = new Meter()
      const options = { agents: [meter.agent], ownerConcurrency: 1, limits: { ownerQueue: 100 } }
      const { engine, queue } = await nodes.add(options)
      const all: Promise<unknown>[] = []
      const start = async (userId: string, number: number): Promise<void> => {
        await users.run({ userId }, async () => {
          all.push((await engine.start('metered', { number, ms: 0 })).result)
        })
      }
      for (let number = 0; number < 20; number += 1) await start('hog', number)
      for (const userId of ['a', 'b', 'c', 'd', 'e']) {
        for (let number = 0; number < 2; number += 1) await start(userId, number)
      }
      queue.work(engine, { concurrency: 1 })
      await Promise.all(all)
      const hogs = meter.begun.flatMap((line, index) => (line.startsWith('hog') ? [index] : []))
      // Each round has one run of everybody who waits.
      expect(meter.begun.slice(0, 12).filter((line) => line.startsWith('hog'))).toHaveLength(2)
      expect(hogs.slice(0, 2).every((index) => index < 12)).toBe(true)
      expect(meter.begun.filter((line) => line.startsWith('hog'))).toEqual(
        Array.from({ length: 20 }, (_, number) => `hog ${number}`),
      )
    })

    test('an owner whose queue is full is refused, and nobody else', async () => {
      await fresh()
      const { agent } = gate('gate')
      const { engine } = await nodes.add({ agents: [agent], limits: { ownerQueue: 2 } })
      const start = async (): Promise<RunHandle> => {
        const handle = await engine.start('gate', {})
        handle.result.catch(() => undefined)
        return handle
      }
      await users.run(alice, async () => {
        await start()
        await start()
        expect((await engineError(start)).code).toBe('OWNER_QUEUE_FULL')
        expect((await engine.runs()).runs).toHaveLength(2)
      })
      await users.run(bob, start)
    })

    test('of a thread one run goes on at a time, in whichever process: the next waits, is refused, joins or replaces', async () => {
      await fresh()
      const one = gate('one')
      const other = gate('other')
      const agents = [one.agent, other.agent]
      const [first, second] = [await nodes.add({ agents }), await nodes.add({ agents })]
      for (const { queue, engine } of [first, second]) queue.work(engine)
      await users.run(alice, async () => {
        const inThread = { threadId: 't' }
        const holder = await first.engine.start('one', {}, inThread)
        await one.begun.promise
        const next = await second.engine.start('other', {}, inThread)
        next.result.catch(() => undefined)
        const refused = await engineError(() =>
          second.engine.start('one', {}, { ...inThread, threadPolicy: 'reject' }),
        )
        expect(refused.code).toBe('THREAD_BUSY')
        const joined = await second.engine.start('one', {}, { ...inThread, threadPolicy: 'join' })
        expect(joined).toMatchObject({ runId: holder.runId, joined: true })
        const beside = await second.engine.start(
          'one',
          {},
          { ...inThread, threadPolicy: 'parallel' },
        )
        expect(await second.engine.run(next.runId)).toMatchObject({ status: 'queued' })
        one.open.resolve()
        await Promise.all([holder.result, joined.result, beside.result])
        await other.begun.promise
        const replacing = await first.engine.start(
          'one',
          {},
          { ...inThread, threadPolicy: 'replace' },
        )
        await replacing.result
        const story = await storyOf(first.engine, next.runId)
        expect(story.at(-1)).toMatchObject({
          type: 'agent_cancelled',
          data: { reason: 'replaced' },
        })
      })
    })

    test('a worker that stops gives its runs to another, which begins them again', async () => {
      await fresh()
      const [old, fresher] = [gate('gate'), gate('gate')]
      const first = await nodes.add({ agents: [old.agent] })
      const second = await nodes.add({ agents: [fresher.agent] })
      const worker = first.queue.work(first.engine)
      await users.run(alice, async () => {
        const { runId, result } = await second.engine.start('gate', {})
        await old.begun.promise
        second.queue.work(second.engine)
        await worker.stop({ graceMs: 0 })
        expect(worker.running).toBe(0)
        await fresher.begun.promise
        fresher.open.resolve()
        await result
        const story = await storyOf(first.engine, runId)
        expect(typesOf(story)).toEqual(['agent_started', 'attempt_restarted', 'agent_completed'])
      })
    })

    test('a worker that does not know an agent leaves its runs to one that does', async () => {
      await fresh()
      const [known, unknown] = [gate('known'), gate('unknown')]
      const older = await nodes.add({ agents: [known.agent] })
      const newer = await nodes.add({ agents: [known.agent, unknown.agent] })
      older.queue.work(older.engine)
      await users.run(alice, async () => {
        unknown.open.resolve()
        const { runId, result } = await newer.engine.start('unknown', {})
        newer.queue.work(newer.engine)
        await result
        expect(await older.engine.run(runId)).toMatchObject({ status: 'completed' })
      })
    })

    test.each([
      ['of another run of the same user', alice],
      ["of another user's run", bob],
    ])('a context %s executes nothing', async (_, donor) => {
      await fresh()
      const { agent, begun } = gate('gate')
      const { engine, queue, store } = await nodes.add({ agents: [agent] })
      const theirs = await users.run(donor, () => engine.start('gate', {}))
      theirs.result.catch(() => undefined)
      await users.run(alice, async () => {
        const { runId, result } = await engine.start('gate', {})
        await store.parts.database.script((run) =>
          run(`UPDATE ringfence_queue.job SET data = jsonb_set(data, '{envelope}', (
            SELECT data->'envelope' FROM ringfence_queue.job WHERE data->>'runId' = '${theirs.runId}'))
          WHERE data->>'runId' = '${runId}'`),
        )
        await users.run(alice, () => engine.cancel(theirs.runId)).catch(() => undefined)
        await store.parts.database.script((run) =>
          run(`DELETE FROM ringfence_queue.job WHERE data->>'runId' = '${theirs.runId}'`),
        )
        queue.work(engine)
        expect(await caught(() => result)).toMatchObject({ code: 'CONTEXT_REFUSED' })
        expect(typesOf(await storyOf(engine, runId))).toEqual(['agent_error'])
      })
      const never = Symbol('never')
      expect(await Promise.race([begun.promise, Promise.resolve(never)])).toBe(never)
    })

    test('a context that has expired executes nothing', async () => {
      await fresh()
      const { agent } = gate('gate')
      const { engine, queue } = await nodes.add({ agents: [agent], lifetimeMs: 1_000 })
      await users.run(alice, async () => {
        const { runId, result } = await engine.start('gate', {})
        result.catch(() => undefined)
        // Its second, and what clocks may differ by.
        await new Promise((resolve) => setTimeout(resolve, 3_200))
        queue.work(engine)
        expect(await caught(() => result)).toMatchObject({ code: 'CONTEXT_REFUSED' })
        expect(typesOf(await storyOf(engine, runId))).toEqual(['agent_error'])
      })
    })

    test('a key starts one run, whichever nodes are asked at once', async () => {
      await fresh()
      const meter = new Meter()
      const options = { agents: [meter.agent] }
      const all = [await nodes.add(options), await nodes.add(options)]
      for (const { queue, engine } of all) queue.work(engine)
      await users.run(alice, async () => {
        const key = { idempotencyKey: 'once' }
        const input = { number: 1, ms: 1 }
        const attempts = await Promise.allSettled(
          all.flatMap(({ engine }) => [
            engine.start('metered', input, key),
            engine.start('metered', input, key),
          ]),
        )
        const started = attempts.flatMap((attempt) =>
          attempt.status === 'fulfilled' ? [attempt.value] : [],
        )
        expect(new Set(started.map(({ runId }) => runId)).size).toBe(1)
        await Promise.all(started.map(({ result }) => result))
        expect(meter.begun).toEqual(['alice 1'])
      })
    })
  },
)
