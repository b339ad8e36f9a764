import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isDurable, type DurableEvent, type UserExecutionEngine } from '../../src/index.ts'
import { durableAgents, toolReport, type ToolReport } from '../support/durable-agents.ts'
import { DurableNodes } from '../support/durable-nodes.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, users } from '../support/users.ts'
import { endWorker, startWorker } from '../support/worker-process.ts'

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}the end of a run that another process executes`,
  () => {
    let cluster: PostgresCluster
    let url: string
    const nodes = new DurableNodes()
    const workers: ChildProcess[] = []
    // No missed heartbeat would tell.
    const options = { agents: durableAgents(), heartbeatSeconds: 3_600 }

    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())
    afterEach(async () => {
      for (const worker of workers.splice(0)) await endWorker(worker, 'SIGKILL')
      await nodes.close()
    })

    async function fresh(): Promise<void> {
      url = await cluster.database()
      nodes.begin(url)
    }

    async function newWorker(pollMs: number = 500): Promise<ChildProcess> {
      const orders = { url, keys: nodes.keys, concurrency: 4, ownerConcurrency: 4, pollMs }
      const started = await startWorker(orders)
      workers.push(started)
      return started
    }

    async function read(engine: UserExecutionEngine, runId: string): Promise<DurableEvent[]> {
      const events: DurableEvent[] = []
      for await (const event of await engine.events(runId)) {
        if (isDurable(event)) events.push(event)
      }
      return events
    }

    /** Resolves when the tool of a run says so, in the process of that worker. */
    function told(worker: ChildProcess, mark: string, step: ToolReport['step']): Promise<void> {
      return new Promise((resolve, reject) => {
        // It bounds what hangs; a worker looks for itself twice a second.
        const timer = setTimeout(() => reject(new Error(`${mark} was not ${step}`)), 10_000)
        worker.on('message', (message) => {
          const report = toolReport.safeParse(message).data
          if (report?.mark !== mark || report.step !== step) return
          clearTimeout(timer)
          resolve()
        })
      })
    }

    interface Held {
      readonly runId: string
      /** Resolves when the tool is told to end. */
      readonly aborted: Promise<void>
    }

    /** Starts a run on a node. Resolves when its tool has begun in the worker. */
    async function held(
      engine: UserExecutionEngine,
      worker: ChildProcess,
      mark: string,
    ): Promise<Held> {
      const [begun, aborted] = [told(worker, mark, 'begun'), told(worker, mark, 'aborted')]
      const { runId, result } = await engine.start('hold', { mark })
      result.catch(() => undefined)
      await begun
      return { runId, aborted }
    }

    test('a cancel reaches its tool, notified or not', async () => {
      await fresh()
      const { engine } = await nodes.add(options)
      // Nothing else would make it look.
      const worker = await newWorker(3_600_000)
      const listener = new pg.Client({ connectionString: url })
      await listener.connect()
      await users.run(alice, async () => {
        const cancelled = await held(engine, worker, 'cancelled')
        const { rows } = await listener.query(`SELECT worker FROM ringfence.runs`)
        const [{ worker: holder }] = z.tuple([z.object({ worker: z.string() })]).parse(rows)
        const hash = createHash('sha256').update(JSON.stringify(['cancel', '', holder]))
        const key = hash.digest('base64url')
        let notified = false
        listener.on('notification', ({ payload = '' }) => {
          notified ||= payload.endsWith(` ${key}`)
        })
        await listener.query('LISTEN ringfence')
        expect(await engine.cancel(cancelled.runId)).toMatchObject({ status: 'cancelled' })
        await cancelled.aborted
        // What was sent before this answer has come before it.
        await listener.query('SELECT 1')
        expect(notified).toBe(true)

        // The same with the notification lost on its way.
        const unheard = await held(engine, worker, 'unheard')
        await listener.query(
          `UPDATE ringfence.runs SET cancel_reason = 'caller' WHERE ended_at IS NULL`,
        )
        await unheard.aborted
        const events = await read(engine, unheard.runId)
        expect(events.at(-1)).toMatchObject({ type: 'agent_cancelled', data: { reason: 'caller' } })
      })
      await listener.end()
    })

    test('a deadline goes with its run: the node that set it is not asked', async () => {
      await fresh()
      const { engine } = await nodes.add(options)
      const hurried = await nodes.add({ ...options, lifetimeMs: 4_000 })
      const worker = await newWorker()
      await users.run(alice, async () => {
        const { runId, aborted } = await held(hurried.engine, worker, 'late')
        await hurried.close()
        await aborted
        expect((await read(engine, runId)).at(-1)).toMatchObject({
          type: 'agent_error',
          data: { error: { code: 'RUN_DEADLINE' } },
        })
      })
    })

    test('what a process that is shut down executes goes on in another, and what it only started is not touched', async () => {
      await fresh()
      const { engine } = await nodes.add(options)
      const starting = await nodes.add(options)
      const first = await newWorker()
      const marks = ['one', 'two']
      await users.run(alice, async () => {
        const runs = await Promise.all(marks.map((mark) => held(starting.engine, first, mark)))
        await starting.close()
        for (const { runId } of runs) {
          expect(await engine.run(runId)).toMatchObject({ status: 'running' })
        }
        const second = await newWorker()
        const again = marks.map((mark) => told(second, mark, 'begun'))
        await endWorker(first, 'SIGTERM')
        expect(first.exitCode).toBe(0)
        await Promise.all([...runs.map(({ aborted }) => aborted), ...again])
        const ended = marks.map((mark) => told(second, mark, 'aborted'))
        for (const { runId } of runs) {
          expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
          const events = await read(engine, runId)
          expect(events.map(({ type }) => type)).toEqual([
            'agent_started',
            'tool_executing',
            'attempt_restarted',
            'tool_executing',
            'tool_completed',
            'agent_cancelled',
          ])
        }
        await Promise.all(ended)
      })
    })
  },
)
