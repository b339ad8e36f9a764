import type { JsonWebKey } from 'node:crypto'
import { createEnvelopeOpener, type EnvelopeOpener } from '@ringfence/context/envelope'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  createExecutionEngine,
  type AgentEvent,
  type EngineLimits,
  type RunHandle,
  type UserExecutionEngine,
} from '../../src/index.ts'
import {
  openPostgresStore,
  openRunQueue,
  type PostgresRunQueue,
  type PostgresStore,
  type RunQueueOptions,
} from '../../src/postgres/index.ts'
import { runJob } from '../../src/postgres/queue/job.ts'
import { caught } from '../support/caught.ts'
import { durableAgents } from '../support/durable-agents.ts'
import { deploymentKeys, envelopesOf, type DeploymentKeys } from '../support/durable-node.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../support/postgres-cluster.ts'
import { alice, bob, users } from '../support/users.ts'

interface Node {
  readonly store: PostgresStore
  readonly queue: PostgresRunQueue
  readonly engine: UserExecutionEngine
}

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}runs of several processes`,
  () => {
    let cluster: PostgresCluster
    let url: string
    const keys = deploymentKeys()
    const nodes: Node[] = []

    async function node(
      options: Partial<RunQueueOptions> & { readonly limits?: Partial<EngineLimits> } = {},
    ): Promise<Node> {
      const { limits = {}, ...rest } = options
      const store = await openPostgresStore({ url, pollMs: 200, connections: 4 })
      const queue = await openRunQueue({ store, ...envelopesOf(keys), ...rest })
      const engine = createExecutionEngine({ agents: durableAgents(), store, queue, limits })
      const made = { store, queue, engine }
      nodes.push(made)
      return made
    }

    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())
    afterEach(async () => {
      for (const { engine, queue, store } of nodes.splice(0)) {
        await queue.close({ graceMs: 0 })
        await engine.close({ graceMs: 0 })
        await store.close()
      }
    })
    const fresh = async (): Promise<void> => {
      url = await cluster.database()
    }

    async function eventsOf(engine: UserExecutionEngine, runId: string): Promise<AgentEvent[]> {
      const events: AgentEvent[] = []
      for await (const event of await engine.events(runId)) events.push(event)
      return events
    }

    test('a run starts on one node, executes on another as its user, and is followed from a third', async () => {
      await fresh()
      const [first, second, third] = [await node(), await node(), await node()]
      second.queue.work(second.engine)
      for (const user of [alice, bob]) {
        await users.run(user, async () => {
          const input = { to: 3, canary: user.userId }
          const { runId, result } = await first.engine.start('count', input)
          const events = await eventsOf(third.engine, runId)
          expect(events.map(({ type }) => type)).toEqual([
            'agent_started',
            'agent_text',
            'agent_text',
            'agent_text',
            'agent_completed',
          ])
          expect(JSON.stringify(events)).not.toContain(user === alice ? 'bob' : 'alice')
          expect(await result).toEqual({ user: user.userId, said: 3 })
          expect(await third.engine.run(runId)).toMatchObject({ status: 'completed', lastSeq: 4 })
        })
      }
      expect(first.engine.metrics().runs).toMatchObject({ total: 0 })
    })

    test('a run is cancelled from a node that does not execute it, while it waits and while it executes', async () => {
      await fresh()
      const [first, second] = [await node(), await node()]
      await users.run(alice, async () => {
        const waiting = await first.engine.start('wait', {})
        waiting.result.catch(() => undefined)
        expect(await first.engine.cancel(waiting.runId)).toMatchObject({ status: 'cancelled' })
        const started = await first.engine.start('wait', {})
        started.result.catch(() => undefined)
        const worker = second.queue.work(second.engine)
        const events = await first.engine.events(started.runId)
        expect(await events.next()).toMatchObject({ value: { type: 'agent_started' } })
        expect(worker.running).toBe(1)
        const before = performance.now()
        expect(await first.engine.cancel(started.runId)).toMatchObject({ status: 'cancelled' })
        expect(performance.now() - before).toBeLessThan(5_000)
        expect(await events.next()).toMatchObject({
          value: { type: 'agent_cancelled', data: { reason: 'caller' } },
        })
        expect(await caught(() => started.result)).toMatchObject({ code: 'CANCELLED' })
      })
    })

    test('another owner cannot cancel it, and learns nothing', async () => {
      await fresh()
      const first = await node()
      const { runId } = await users.run(alice, async () => {
        const handle = await first.engine.start('wait', {})
        handle.result.catch(() => undefined)
        return handle
      })
      await users.run(bob, async () => {
        expect(await caught(() => first.engine.cancel(runId))).toMatchObject({
          code: 'RUN_NOT_FOUND',
        })
        await first.queue.cancel(runId, 'caller')
      })
      await users.run(alice, async () => {
        expect(await first.engine.run(runId)).toMatchObject({ status: 'queued' })
      })
    })

    test('a context that does not open ends its run before any agent is asked', async () => {
      await fresh()
      const first = await node()
      const { opener } = envelopesOf(deploymentKeys())
      const stranger = await node({ opener })
      await users.run(alice, async () => {
        const handle = await first.engine.start('count', { to: 1, canary: 'x' })
        stranger.queue.work(stranger.engine)
        expect(await caught(() => handle.result)).toMatchObject({ code: 'CONTEXT_REFUSED' })
        const events = await eventsOf(first.engine, handle.runId)
        expect(events.map(({ type }) => type)).toEqual(['agent_error'])
      })
      // The line is written after the event that its reader waited for.
      const system = first.engine.system({ name: 'test' })
      await expect
        .poll(async () => (await system.trail()).records, { timeout: 10_000 })
        .toContainEqual(
          expect.objectContaining({ action: 'end', actor: { kind: 'system', name: 'queue' } }),
        )
    })

    interface Refused {
      readonly what: string
      /** What becomes of the envelope of Alice's run. Default: nothing. */
      readonly spoil?: (envelope: string, others: { hers: string; bobs: string }) => string | null
      /** Signed by whom. Default: by a node of this deployment. */
      readonly signing?: DeploymentKeys['signing']
      /** When it is opened. Default: now. */
      readonly clock?: () => number
    }
    test.each<Refused>([
      { what: 'that is missing', spoil: () => null },
      { what: 'that is none', spoil: () => 'none' },
      { what: 'that was cut', spoil: (envelope) => envelope.slice(0, -6) },
      { what: 'of another run of theirs', spoil: (_, { hers }) => hers },
      { what: "of another user's run", spoil: (_, { bobs }) => bobs },
      { what: 'that has expired', clock: () => Date.now() + 30 * 86_400_000 },
      { what: 'that somebody else signed', signing: deploymentKeys().signing },
    ])(
      'a context $what ends its run, and no agent is asked',
      async ({ spoil = (envelope) => envelope, signing = keys.signing, clock }) => {
        await fresh()
        const { engine } = await node(envelopesOf({ ...keys, signing }))
        const start = async (user: typeof alice): Promise<RunHandle> =>
          users.run(user, () => engine.start('count', { to: 1, canary: 'x' }))
        const [hers, other, bobs] = [await start(alice), await start(alice), await start(bob)]
        const database = new pg.Client({ connectionString: url })
        await database.connect()
        const { rows } = await database.query<{ data: unknown }>(
          'SELECT data FROM ringfence_queue.job',
        )
        const envelopes = new Map(
          rows.flatMap(({ data }) => {
            const job = runJob.safeParse(data)
            return job.success ? [[job.data.runId, job.data.envelope] as const] : []
          }),
        )
        const envelopeOf = ({ runId }: RunHandle): string => envelopes.get(runId) ?? ''
        const others = { hers: envelopeOf(other), bobs: envelopeOf(bobs) }
        for (const envelope of [envelopeOf(hers), ...Object.values(others)]) {
          expect(envelope.length).toBeGreaterThan(100)
        }
        const changed = await database.query(
          `UPDATE ringfence_queue.job SET data = jsonb_strip_nulls(data || jsonb_build_object('envelope', $2::text))
           WHERE data ->> 'runId' = $1`,
          [hers.runId, spoil(envelopeOf(hers), others)],
        )
        expect(changed.rowCount).toBe(1)
        await database.end()
        const { opener } = envelopesOf(keys, clock)
        const worker = await node({ opener })
        worker.queue.work(worker.engine)
        expect(await caught(() => hers.result)).toMatchObject({ code: 'CONTEXT_REFUSED' })
        await users.run(alice, async () => {
          const events = await eventsOf(engine, hers.runId)
          expect(events.map(({ type }) => type)).toEqual(['agent_error'])
        })
      },
    )

    test('a run that waits while keys are rotated executes where the old ones are still known, and elsewhere has its end', async () => {
      await fresh()
      const next = deploymentKeys()
      const jwk = z.custom<JsonWebKey & { kty: string }>()
      const opener = (both: boolean): EnvelopeOpener =>
        createEnvelopeOpener({
          definition: users,
          audience: 'worker',
          decryptionKeys: [
            { kid: 'seal-2', alg: 'ECDH-ES', key: jwk.parse(next.opening) },
            ...(both
              ? [{ kid: 'seal', alg: 'ECDH-ES', key: jwk.parse(keys.opening) } as const]
              : []),
          ],
          issuers: {
            node: [
              { kid: 'sign-2', alg: 'ES256', key: jwk.parse(next.verifying) },
              ...(both
                ? [{ kid: 'sign', alg: 'ES256', key: jwk.parse(keys.verifying) } as const]
                : []),
            ],
          },
        })
      const { engine } = await node()
      for (const [both, type] of [
        [true, 'agent_completed'],
        [false, 'agent_error'],
      ] as const) {
        await users.run(alice, async () => {
          const { runId, result } = await engine.start('count', { to: 1, canary: 'c' })
          result.catch(() => undefined)
          const rotated = await node({ opener: opener(both) })
          const worker = rotated.queue.work(rotated.engine)
          const story = await eventsOf(engine, runId)
          expect(story.map((event) => event.type)).toEqual(
            both ? ['agent_started', 'agent_text', type] : [type],
          )
          await worker.stop({ graceMs: 0 })
        })
      }
    })

    test('a run whose input cannot be read any more has its end', async () => {
      await fresh()
      const { engine, queue } = await node()
      const { runId, result } = await users.run(alice, () =>
        engine.start('count', { to: 1, canary: 'x' }),
      )
      const database = new pg.Client({ connectionString: url })
      await database.connect()
      await database.query(`UPDATE ringfence.runs SET input = '{' WHERE run_id = $1`, [runId])
      await database.end()
      queue.work(engine)
      expect(await caught(() => result)).toMatchObject({ code: 'AGENT_FAILED' })
      await users.run(alice, async () => {
        const events = await eventsOf(engine, runId)
        expect(events.map(({ type }) => type)).toEqual(['agent_error'])
      })
    })

    test('a node that starts runs and executes them has no user of its own, whoever wakes it', async () => {
      await fresh()
      const { engine, queue } = await node()
      queue.work(engine)
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) => {
          const userId = `user-${index}`
          return users.run({ userId }, async () => {
            const { result } = await engine.start('count', { to: 2, canary: userId })
            return result
          })
        }),
      )
      expect(results).toEqual(results.map((_, index) => ({ user: `user-${index}`, said: 2 })))
    })

    test('a run that waits for longer than queueMs ends, whether anybody executes runs or not', async () => {
      await fresh()
      const { engine, queue } = await node({ limits: { queueMs: 1 } })
      await users.run(alice, async () => {
        // Nobody executes anything; the second one waits for its thread.
        const waiting = [
          await engine.start('wait', {}, { threadId: 't' }),
          await engine.start('wait', {}, { threadId: 't' }),
        ]
        for (const { runId, result } of waiting) {
          expect(await caught(() => result)).toMatchObject({
            code: 'QUEUE_TIMEOUT',
            message: 'The run waited 1 ms for its turn and was given up.',
          })
          const events = await eventsOf(engine, runId)
          expect(events.map(({ type }) => type)).toEqual(['agent_error'])
        }
        // Here somebody takes them at once, and each has waited too long by then.
        queue.work(engine)
        for (let number = 0; number < 3; number += 1) {
          const { result } = await engine.start('count', { to: 1, canary: 'x' })
          expect(await caught(() => result)).toMatchObject({ code: 'QUEUE_TIMEOUT' })
        }
      })
    })

    test('a run that the system ends has its end and its line on the trail, or neither', async () => {
      await fresh()
      const { engine, store } = await node()
      const script = (text: string): Promise<unknown> =>
        store.parts.database.script((run) => run(text))
      const lines = async (): Promise<number> => {
        const { records } = await engine.system({ name: 'test' }).trail()
        return records.filter(({ action }) => action === 'end').length
      }
      await script(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql
          AS 'BEGIN RAISE disk_full; END';
        CREATE TRIGGER refused BEFORE INSERT ON ringfence.audit EXECUTE FUNCTION full_disk()`)
      const waiting = await users.run(alice, async () => {
        const { runId, result } = await engine.start('wait', {})
        result.catch(() => undefined)
        expect(await caught(() => engine.cancel(runId))).toMatchObject({
          code: 'STORE_UNAVAILABLE',
          cause: { code: '53100' },
        })
        expect(await engine.run(runId)).toMatchObject({ status: 'queued', lastSeq: -1 })
        return runId
      })
      await script('DROP TRIGGER refused ON ringfence.audit')
      expect(await lines()).toBe(0)
      await users.run(alice, async () => {
        expect(await engine.cancel(waiting)).toMatchObject({ status: 'cancelled' })
      })
      expect(await lines()).toBe(1)
    })

    test('as many runs of all owners wait as may, however many start at once', async () => {
      await fresh()
      const [first, second] = [
        await node({ limits: { queue: 3 } }),
        await node({ limits: { queue: 3 } }),
      ]
      const started = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          users.run({ userId: `user-${index}` }, async () => {
            const { engine } = index % 2 === 0 ? first : second
            const refused: unknown = await engine.start('wait', {}).then(
              ({ result }) => void result.catch(() => undefined),
              (error: unknown) => error,
            )
            const { runs } = await engine.runs()
            return { refused, runs: runs.length }
          }),
        ),
      )
      const accepted = started.filter(({ refused }) => refused === undefined)
      expect(accepted.map(({ runs }) => runs)).toEqual([1, 1, 1])
      for (const { refused, runs } of started) {
        if (refused === undefined) continue
        expect(refused).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 1_000 })
        expect(runs).toBe(0)
      }
    })
  },
)
