import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  createExecutionEngine,
  isDurable,
  isTerminal,
  type DurableEvent,
  type UserExecutionEngine,
} from '../../src/index.ts'
import { openPostgresStore, openRunQueue } from '../../src/postgres/index.ts'
import { caught } from '../support/caught.ts'
import { durableAgents } from '../support/durable-agents.ts'
import { deploymentKeys, envelopesOf } from '../support/durable-node.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { expectWhole, restarted, type Told } from '../support/told-runs.ts'
import { users } from '../support/users.ts'
import { endWorker, startWorker } from '../support/worker-process.ts'

// The size that the README's figures are of: RINGFENCE_DURABLE=large.
const large = process.env['RINGFENCE_DURABLE'] === 'large'
const people = large ? 20 : 6
const runsEach = large ? 3 : 2
const numbers = large ? 100 : 30
/** Events after which a reader leaves, and comes back on the other node. */
const patience = large ? 17 : 7
const everyMs = large ? 20 : 60
const counted = { people, runsEach, numbers }

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}worker processes`,
  { timeout: 240_000 },
  () => {
    let cluster: PostgresCluster
    let url: string
    const keys = deploymentKeys()
    const workers: ChildProcess[] = []
    const closing: (() => Promise<void>)[] = []

    beforeAll(async () => {
      cluster = await startPostgres({ durable: large })
    })
    afterAll(() => cluster.stop())
    afterEach(async () => {
      for (const worker of workers.splice(0)) await endWorker(worker, 'SIGKILL')
      for (const close of closing.splice(0).toReversed()) await close()
    })

    async function node(
      attempts: number = 3,
      heartbeatSeconds: number = 10,
    ): Promise<UserExecutionEngine> {
      const store = await openPostgresStore({ url, pollMs: 500, connections: 5 })
      const queue = await openRunQueue({
        store,
        ...envelopesOf(keys),
        ownerConcurrency: 2,
        attempts,
        heartbeatSeconds,
      })
      const engine = createExecutionEngine({ agents: durableAgents(), store, queue })
      closing.push(async () => {
        await engine.close({ graceMs: 0 })
        await queue.close()
        await store.close()
      })
      return engine
    }

    async function newWorker(): Promise<ChildProcess> {
      // Three of them have just room for everybody's runs: none takes them all, and leaves nothing to be killed.
      const concurrency = large ? 12 : 4
      const started = await startWorker({ url, keys, concurrency, ownerConcurrency: 2 })
      workers.push(started)
      return started
    }

    /** Reads a run as a client does who loses its connection again and again, each time to another node. */
    async function read(
      nodes: readonly [UserExecutionEngine, UserExecutionEngine],
      runId: string,
    ): Promise<Omit<Told, 'userId'>> {
      const events: DurableEvent[] = []
      for (let reconnects = 0; ; reconnects += 1) {
        const engine = nodes[reconnects % 2 === 0 ? 0 : 1]
        let left = patience
        for await (const event of await engine.events(runId, { after: events.at(-1)?.seq })) {
          if (!isDurable(event)) continue
          events.push(event)
          if (isTerminal(event)) return { events, reconnects }
          left -= 1
          if (left === 0) break
        }
      }
    }

    /** Everybody starts their runs on one node and reads them on two. `meanwhile` happens when runs are under way. */
    async function everybody(meanwhile: () => Promise<void>): Promise<readonly Told[]> {
      const nodes = [await node(), await node()] as const
      let underWay: () => void = () => undefined
      const begun = new Promise<void>((resolve) => {
        underWay = resolve
      })
      const all = Array.from({ length: people }, (_, index) => `user-${index}`).map((userId) =>
        users.run({ userId }, async () => {
          const told: Told[] = []
          const input = { to: numbers, everyMs, canary: `canary-of-${userId}-` }
          const handles = []
          for (let run = 0; run < runsEach; run += 1) {
            const handle = await nodes[0].start('count', input)
            handle.result.catch(() => undefined)
            handles.push(handle)
          }
          const [first] = handles
          const { value } = await (await nodes[1].events(first?.runId ?? '')).next()
          if (value !== undefined) underWay()
          for (const { events, reconnects } of await Promise.all(
            handles.map(({ runId }) => read(nodes, runId)),
          )) {
            told.push({ userId, events, reconnects })
          }
          return told
        }),
      )
      await begun
      await meanwhile()
      return (await Promise.all(all)).flat()
    }

    test('every run of everybody ends, told once and in order, to readers that lose their node', async () => {
      url = await cluster.database()
      await node()
      await Promise.all([newWorker(), newWorker()])
      const told = await everybody(async () => undefined)
      expectWhole(told, counted)
      expect(restarted(told)).toBe(0)
    })

    test('a worker that is killed loses nothing, and one that was stopped can add nothing when it goes on', async () => {
      url = await cluster.database()
      await node()
      const [killed, stopped] = await Promise.all([newWorker(), newWorker(), newWorker()])
      const told = await everybody(async () => {
        await endWorker(killed, 'SIGKILL')
        stopped.kill('SIGSTOP')
        // Past its heartbeat of 10 seconds, and the second in which that is looked at.
        await new Promise((resolve) => setTimeout(resolve, 13_000))
        stopped.kill('SIGCONT')
      })
      expectWhole(told, counted)
      expect(restarted(told)).toBeGreaterThan(0)
      // It has noticed that its runs are others' now, and works on.
      expect(stopped.exitCode).toBe(null)
    })

    test('a run that takes every worker with it is given up, with its end', async () => {
      url = await cluster.database()
      const engine = await node(1)
      await users.run({ userId: 'alice' }, async () => {
        const { runId, result } = await engine.start('crash', {})
        const first = await newWorker()
        const died = once(first, 'exit')
        expect(await caught(() => engine.delete(runId))).toMatchObject({ code: 'RUN_GOES_ON' })
        expect(await died).toEqual([null, 'SIGKILL'])
        await newWorker()
        expect(await caught(() => result)).toMatchObject({ code: 'AGENT_FAILED' })
        const { events } = await read([engine, engine], runId)
        expect(events.map(({ type }) => type)).toEqual([
          'agent_started',
          'agent_text',
          'agent_error',
        ])
      })
    })

    test('a run of a worker that was killed is cancelled at once, and one of a worker that only says nothing is left to it', async () => {
      url = await cluster.database()
      // Nobody would find out by a missed heartbeat.
      const engine = await node(3, 3_600)
      await users.run({ userId: 'alice' }, async () => {
        /** Starts two runs, as many as she may have, on a worker of their own. */
        const begun = async (): Promise<{
          readonly worker: ChildProcess
          readonly runIds: readonly string[]
        }> => {
          const worker = await newWorker()
          const runIds: string[] = []
          for (let run = 0; run < 2; run += 1) {
            const { runId, result } = await engine.start('wait', {})
            result.catch(() => undefined)
            runIds.push(runId)
            const { value } = await (await engine.events(runId)).next()
            expect(value).toMatchObject({ type: 'agent_started' })
          }
          return { worker, runIds }
        }
        const killed = await begun()
        await endWorker(killed.worker, 'SIGKILL')
        for (const runId of killed.runIds) {
          expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled', lastSeq: 1 })
        }
        // Her slots are free again.
        const stopped = await begun()
        stopped.worker.kill('SIGSTOP')
        const cancelled = stopped.runIds.map((runId) => engine.cancel(runId))
        const inspected = await openPostgresStore({ url, connections: 1 })
        closing.push(() => inspected.close())
        expect(await inspected.runs.get(stopped.runIds[0] ?? '')).toMatchObject({
          status: 'running',
        })
        stopped.worker.kill('SIGCONT')
        for (const run of await Promise.all(cancelled)) expect(run.status).toBe('cancelled')
        const { events } = await read([engine, engine], stopped.runIds[0] ?? '')
        const last = events.at(-1)
        // It was the worker that ended it: it knows how long it took.
        expect(last?.type === 'agent_cancelled' && last.data.durationMs).toBeGreaterThan(0)
      })
    })
  },
)
