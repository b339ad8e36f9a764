import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isDurable, type DurableEvent, type UserExecutionEngine } from '../../src/index.ts'
import { JobQueue } from '../../src/postgres/queue/job-queue.ts'
import { JoblessRuns } from '../../src/postgres/recovery/jobless-runs.ts'
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

    test.each([
      ['behind', -3_600_000],
      ['ahead', 3_600_000],
    ])(
      'a worker whose clock is an hour %s executes runs as any other, each once',
      async (_, clockMs) => {
        await fresh()
        const { engine } = await nodes.add(options)
        const orders = { url, keys: nodes.keys, concurrency: 4, ownerConcurrency: 4, clockMs }
        workers.push(await startWorker(orders), await startWorker({ ...orders, clockMs: 0 }))
        await users.run(alice, async () => {
          const runs = await Promise.all(
            Array.from({ length: 8 }, () =>
              engine.start('count', { to: 5, everyMs: 20, canary: 'c' }),
            ),
          )
          for (const { runId, result } of runs) {
            expect(await result).toEqual({ user: 'alice', said: 5 })
            const types = (await read(engine, runId)).map(({ type }) => type)
            expect([types[0], types.at(-1), types.length]).toEqual([
              'agent_started',
              'agent_completed',
              7,
            ])
          }
        })
      },
    )

    test('a run whose job is gone has its end, and none that has a job, or a worker that lives or stands still', async () => {
      await fresh()
      const { engine, store } = await nodes.add({ ...options, heartbeatSeconds: 10 })
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      const newest = async (): Promise<string> => {
        const { rows } = await admin.query(
          'SELECT job_id FROM ringfence.runs ORDER BY position DESC LIMIT 1',
        )
        return z.tuple([z.object({ job_id: z.string() })]).parse(rows)[0].job_id
      }
      const newWorkerOfOne = async (): Promise<ChildProcess> => {
        const started = await startWorker({
          url,
          keys: nodes.keys,
          concurrency: 1,
          ownerConcurrency: 4,
        })
        workers.push(started)
        return started
      }
      const forget = (job: string): Promise<unknown> =>
        admin.query('DELETE FROM ringfence_queue.job WHERE id = $1', [job])
      await users.run(alice, async () => {
        const waiting = async (threadId?: string): Promise<{ runId: string; job: string }> => {
          const { runId, result } = await engine.start('hold', { mark: 'waits' }, { threadId })
          result.catch(() => undefined)
          return { runId, job: await newest() }
        }
        const living = await newWorkerOfOne()
        const lives = await held(engine, living, 'lives')
        await forget(await newest())
        const doomed = await newWorkerOfOne()
        const dead = await held(engine, doomed, 'dead')
        // Nobody tells their tools in time: one process is killed, and one stands still.
        for (const { aborted } of [lives, dead]) aborted.catch(() => undefined)
        await forget(await newest())
        const waits = await waiting()
        const deleted = await waiting('thread')
        const next = await waiting('thread')
        const edited = await waiting()
        await forget(deleted.job)
        await admin.query(`UPDATE ringfence_queue.job SET state = 'cancelled' WHERE id = $1`, [
          edited.job,
        ])
        await endWorker(doomed, 'SIGKILL')
        living.kill('SIGSTOP')
        // As if half a minute and more had gone by.
        await admin.query(`UPDATE ringfence.processes SET seen_on = now() - interval '1 hour'`)
        await admin.query(`UPDATE ringfence.runs SET changed_on = now() - interval '1 hour'`)
        const jobs = await JobQueue.open({
          database: store.parts.database,
          ownerConcurrency: 4,
          attempts: 3,
          heartbeatSeconds: 10,
          activeSeconds: 3_600,
          logger: undefined,
        })
        const ended: unknown[] = []
        const sweep = new JoblessRuns({
          store,
          jobs,
          onEnded: async ({ threadId }) => void ended.push(threadId),
          logger: undefined,
          everyMs: 50,
          quietMs: 1_000,
        })
        await expect.poll(() => ended.length, { timeout: 20_000 }).toBe(3)
        // It looks twenty times a second: what it would end, too, it has ended by now.
        await admin.query('SELECT pg_sleep(1.5)')
        await sweep.stop()
        await jobs.close()
        expect(ended).toHaveLength(3)
        expect(ended).toContain('thread')
        for (const [runId, before] of [
          [dead.runId, ['agent_started', 'tool_executing']],
          [deleted.runId, []],
          [edited.runId, []],
        ] as const) {
          const events = await read(engine, runId)
          expect(events.map(({ type }) => type)).toEqual([...before, 'agent_error'])
          expect(events.at(-1)).toMatchObject({ data: { error: { code: 'AGENT_FAILED' } } })
        }
        for (const { runId } of [waits, next]) {
          expect(await engine.run(runId)).toMatchObject({ status: 'queued' })
        }
        living.kill('SIGCONT')
        expect(await engine.run(lives.runId)).toMatchObject({ status: 'running' })
        expect(await engine.cancel(lives.runId)).toMatchObject({ status: 'cancelled' })
        expect((await read(engine, lives.runId)).map(({ type }) => type)).toEqual([
          'agent_started',
          'tool_executing',
          'tool_completed',
          'agent_cancelled',
        ])
      })
      await admin.end()
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
