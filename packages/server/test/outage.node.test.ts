import { AgentRegistry, createExecutionEngine, defineAgent, isTerminal } from '@ringfence/engine'
import { openPostgresStore, openRunQueue } from '@ringfence/engine/postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { deferred, type Deferred } from '../../engine/test/support/deferred.ts'
import { deploymentKeys, envelopesOf } from '../../engine/test/support/durable-node.ts'
import {
  skippedWithoutPostgres,
  startPostgres,
  type PostgresCluster,
} from '../../engine/test/support/postgres-cluster.ts'
import { RecordingLogger } from '../../engine/test/support/recording-logger.ts'
import { users } from '../../engine/test/support/users.ts'
import { routes } from '../src/routes/routes.ts'
import { Client, json, sseEvents, type SseEvent } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'

/** What needs no store, and its answer: all else is a 503 while there is none. */
const withoutStore: Readonly<Record<string, number>> = {
  'GET /v1/agents': 200,
  'POST /v1/tickets': 201,
  'GET /livez': 200,
  'GET /openapi.json': 200,
  'GET /v1/ws': 426,
  'GET /v1/chat/ws': 426,
}

const message = { id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }
const bodies: Readonly<Record<string, unknown>> = {
  'POST /v1/agents/:name/runs': { input: { mark: 'refused' } },
  'POST /v1/chat': { id: 'chat', agent: 'speaks', messages: [message] },
  'POST /v1/ag-ui/:name': {
    threadId: 'thread',
    runId: 'named',
    state: {},
    messages: [{ id: 'm', role: 'user', content: 'hi' }],
    tools: [],
    context: [],
    forwardedProps: {},
  },
  'POST /v1/tickets': { purpose: 'stream' },
}

describe.skipIf(skippedWithoutPostgres !== '')(
  `${skippedWithoutPostgres}an outage of the database`,
  () => {
    let cluster: PostgresCluster
    beforeAll(async () => {
      cluster = await startPostgres({ durable: false })
    })
    afterAll(() => cluster.stop())

    interface Deployment {
      readonly server: TestServer
      readonly logger: RecordingLogger
      readonly gates: Map<string, Deferred<null>>
      readonly running: () => number
    }

    async function deployment(queued: boolean): Promise<Deployment> {
      const gates = new Map<string, Deferred<null>>()
      const gate = (mark: string): Deferred<null> => {
        const found = gates.get(mark) ?? deferred<null>()
        gates.set(mark, found)
        return found
      }
      const input = z.union([z.object({ mark: z.string() }), z.object({ message: z.string() })])
      const markOf = (given: z.output<typeof input>): string =>
        'mark' in given ? given.mark : given.message
      const agents = new AgentRegistry()
        .register(
          defineAgent({
            name: 'silent',
            input,
            output: z.string(),
            run: async (given, execution) => {
              await execution.text(`the canary of ${users.current().userId}`)
              await gate(markOf(given)).promise
              return users.current().userId
            },
          }),
        )
        .register(
          defineAgent({
            name: 'speaks',
            input,
            output: z.string(),
            run: async (given, execution) => {
              await execution.text('before')
              await gate(markOf(given)).promise
              await execution.text('in the outage')
              return users.current().userId
            },
          }),
        )
        .freeze()
      const logger = new RecordingLogger()
      const url = await cluster.database()
      const store = await openPostgresStore({ url, connections: 6, pollMs: 200, logger })
      const queue = queued
        ? await openRunQueue({ store, ...envelopesOf(deploymentKeys()), logger })
        : undefined
      const engine = createExecutionEngine({
        agents,
        store,
        logger,
        ...(queue === undefined ? {} : { queue }),
      })
      const worker = queue?.work(engine, { concurrency: 6 })
      onTestFinished(async () => {
        await cluster.up()
        await queue?.close({ graceMs: 0 })
        await engine.close({ graceMs: 0 })
        await store.close()
      })
      const server = await serve({ engine, context: users })
      const running = (): number => worker?.running ?? engine.health().running
      return { server, logger, gates, running }
    }

    /** What followers were told instead of events. */
    const problems = new Set<string>(['dependency_unavailable'])

    /** Follows a run as an EventSource does that comes back after every answer, and keeps what it was told. */
    async function follow(client: Client, runId: string, told: SseEvent[]): Promise<void> {
      while (true) {
        const response = await client.follow(runId, told.at(-1)?.id)
        if (response.status === 200) {
          for await (const each of sseEvents(response)) {
            if (each.id !== undefined) told.push(each)
            if (isTerminal(each.event)) return
          }
        } else {
          problems.add(await problemOf(response))
          await new Promise((resolve) => setTimeout(resolve, 200))
        }
      }
    }

    /** The code of a 503 that says when to ask again, and nothing of the reason. */
    async function problemOf(response: Response): Promise<string> {
      expect(response.headers.get('content-type')).toContain('application/problem+json')
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      const body = await response.text()
      expect(body).not.toMatch(/ECONN|127\.0\.0\.1|terminat|postgres|57P/iu)
      return z.object({ status: z.literal(503), code: z.string() }).parse(JSON.parse(body)).code
    }

    test.each([
      ['that executes its runs itself', false],
      ['with a queue and a worker', true],
    ])(
      'gives clients of a server %s a 503 and nothing else; what went on has one end when it is over, and nothing is lost',
      async (_, queued) => {
        const { server, logger, gates, running } = await deployment(queued)
        const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
        const people = [
          { client: alice, userId: 'alice', agent: 'silent', told: [] as SseEvent[] },
          { client: alice, userId: 'alice', agent: 'speaks', told: [] as SseEvent[] },
          { client: bob, userId: 'bob', agent: 'silent', told: [] as SseEvent[] },
        ]
        const runs = await Promise.all(
          people.map(async (person, index) => {
            const { client, agent, told } = person
            const runId = await client.start(agent, { mark: `gate ${index}` })
            return { ...person, runId, following: follow(client, runId, told) }
          }),
        )
        // Everybody's agent has said something, and its follower has it.
        await expect.poll(() => runs.every(({ told }) => told.length === 2)).toBe(true)

        await cluster.down()
        const answers: [string, number, string][] = []
        for (const { method, path } of routes) {
          const name = `${method} ${path}`
          const asked = path.replace(':name', 'speaks').replace(':id', runs[0]?.runId ?? '')
          const response =
            method === 'POST'
              ? await alice.post(asked, bodies[name])
              : await alice.request(asked, { method })
          const refused = response.status === 503 && name !== 'GET /readyz'
          answers.push([
            name,
            response.status,
            refused ? await problemOf(response) : response.statusText,
          ])
          if (!refused) await response.body?.cancel()
        }
        const others = answers.filter(([, status]) => status !== 503)
        expect(Object.fromEntries(others)).toEqual(withoutStore)
        const refusals = answers.filter(
          ([name, status]) => status === 503 && name !== 'GET /readyz',
        )
        expect(new Set(refusals.map(([, , problem]) => problem))).toEqual(
          new Set(['dependency_unavailable']),
        )
        for (const gate of gates.values()) gate.resolve(null)
        // The agents are done, and nobody can be told.
        await expect
          .poll(() => logger.text().split('an event of a run could not be stored').length, {
            timeout: 20_000,
          })
          .toBeGreaterThan(3)
        await expect.poll(() => queued || running() === 0, { timeout: 20_000 }).toBe(true)
        await cluster.up()

        await Promise.all(runs.map(({ following }) => following))
        const completed = (userId: string): object[] => [
          { type: 'agent_completed', data: { result: userId } },
          { status: 'completed', result: userId },
        ]
        const error = { code: 'STORE_UNAVAILABLE', retryAfterMs: 1_000 }
        const failed = [
          { type: 'agent_error', data: { error } },
          { status: 'failed', error },
        ]
        for (const { client, runId, told, agent, userId } of runs) {
          const events = told.map(({ event }) => event)
          expect(events.map((event) => 'seq' in event && event.seq)).toEqual([...events.keys()])
          expect(events.filter(isTerminal)).toHaveLength(1)
          const text = JSON.stringify(events)
          expect(text).not.toContain(userId === 'alice' ? 'bob' : 'alice')
          expect(text).not.toMatch(/ECONN|127\.0\.0\.1|terminat/u)
          const record = await json(await client.request(`/v1/runs/${runId}`))
          expect([events.at(-1), record]).toMatchObject(
            agent === 'silent' ? completed(userId) : failed,
          )
        }
        expect([...problems]).toEqual(['dependency_unavailable'])
        // What was refused is nowhere.
        const { runs: kept } = await json<{ runs: unknown[] }>(await alice.request('/v1/runs'))
        expect(kept).toHaveLength(2)
        const told = logger.entries.map(({ message: line }) => line)
        for (const once of ['the database cannot be reached', 'the database answers again']) {
          expect([once, told.filter((line) => line === once).length]).toEqual([once, 1])
        }
        const over = logger.entries.find(
          ({ message: line }) => line === 'the database answers again',
        )
        expect(over?.fields).toMatchObject({ outageMs: expect.any(Number) })
        // For each run that its events are lost, and not much else, whoever looked how often.
        expect(told.length).toBeLessThan(30)
      },
    )
  },
)
