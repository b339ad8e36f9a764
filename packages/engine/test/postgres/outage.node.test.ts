import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  type UserExecutionEngine,
} from '../../src/index.ts'
import { openPostgresStore, openRunQueue } from '../../src/postgres/index.ts'
import { caught } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { deploymentKeys, envelopesOf } from '../support/durable-node.ts'
import { storyOf } from '../support/engine.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { RecordingLogger } from '../support/recording-logger.ts'
import { alice, users } from '../support/users.ts'

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}an outage of the database`,
  () => {
    let cluster: PostgresCluster
    const closing: (() => Promise<void>)[] = []
    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterEach(async () => {
      await cluster.up()
      for (const close of closing.splice(0)) await close()
    })
    afterAll(() => cluster.stop())

    const keys = deploymentKeys()
    let gate = deferred()
    let executed: number[] = []

    interface Node {
      readonly engine: UserExecutionEngine
      readonly logger: RecordingLogger
      close(): Promise<void>
    }

    async function node(url: string): Promise<Node> {
      const logger = new RecordingLogger()
      const store = await openPostgresStore({ url, connections: 4, pollMs: 200, logger })
      const queue = await openRunQueue({ store, ...envelopesOf(keys), logger })
      const agents = new AgentRegistry()
      agents.register(
        defineAgent({
          name: 'work',
          input: z.null(),
          output: z.number(),
          run: async () => {
            executed.push(executed.length)
            await gate.promise
            return executed.length
          },
        }),
      )
      const engine = createExecutionEngine({ agents: agents.freeze(), store, queue, logger })
      queue.work(engine)
      let closed: Promise<void> | undefined
      const close = (): Promise<void> =>
        (closed ??= (async () => {
          await queue.close({ graceMs: 0 })
          await engine.close({ graceMs: 0 })
          await store.close()
        })())
      closing.push(close)
      return { engine, logger, close }
    }

    /** A run whose agent is at work. */
    async function begun({ engine }: Node): Promise<string> {
      gate = deferred()
      executed = []
      const { runId, result } = await users.run(alice, () => engine.start('work', null))
      result.catch(() => undefined)
      await expect.poll(() => executed.length, { timeout: 20_000 }).toBe(1)
      return runId
    }

    test('work that ended in it is not done again, and the log says what happened, and not how often it was met', async () => {
      const worker = await node(await cluster.database())
      const runId = await begun(worker)
      await cluster.down()
      gate.resolve()
      // As long as it takes until nobody looks for the first time any more.
      const lost = 'an event of a run could not be stored'
      const told = (): string[] => worker.logger.entries.map(({ message }) => message)
      await expect.poll(() => told().filter((line) => line === lost).length).toBe(3)
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      await cluster.up()
      const events = await users.run(alice, () => storyOf(worker.engine, runId))
      expect(events.map(({ type }) => type)).toEqual(['agent_started', 'agent_completed'])
      expect(executed).toHaveLength(1)
      await expect.poll(told).toContain('the database answers again')
      expect(told().toSorted()).toEqual(
        [
          ...Array.from({ length: 3 }, () => lost),
          'notifications are interrupted; runs are polled meanwhile',
          'the database answers again',
          'the database cannot be reached',
          'the store answers again',
          'the store is not available',
          'usage could not be stored',
        ].toSorted(),
      )
      const over = worker.logger.entries.find(({ message }) => message.startsWith('the database a'))
      expect(over?.fields).toMatchObject({ failures: expect.any(Number) })
    })

    test('a process that is shut down in it shuts down, and what it executed goes on in another', async () => {
      const url = await cluster.database()
      const doomed = await node(url)
      const runId = await begun(doomed)
      await cluster.down()
      await doomed.close()
      await cluster.up()
      const next = await node(url)
      gate.resolve()
      const events = await users.run(alice, () => storyOf(next.engine, runId))
      expect(events.map(({ type }) => type)).toEqual([
        'agent_started',
        'attempt_restarted',
        'agent_completed',
      ])
    })

    test('whoever opens a store in it is told that, and of an address that is none what was expected, without the password', async () => {
      const url = await cluster.database()
      await cluster.down()
      const logger = new RecordingLogger()
      const refused = await caught(() => openPostgresStore({ url, logger }))
      expect(refused).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        cause: { code: 'ECONNREFUSED' },
      })
      expect(String(refused)).not.toContain('ECONN')
      expect(logger.text()).toContain('ECONNREFUSED')
      for (const wrong of [
        'postgres://app:se#cret/@db:5432/app',
        'postgres://app:secret@db:port/app',
      ]) {
        const address = await caught(() => openPostgresStore({ url: wrong }))
        expect(address).toBeInstanceOf(TypeError)
        expect(String(address)).toContain('postgres://user:password@host:port/database')
        expect(JSON.stringify(address, Object.getOwnPropertyNames(address))).not.toMatch(
          /se#?cret/u,
        )
      }
    })
  },
)
