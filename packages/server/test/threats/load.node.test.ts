import { AgentRegistry, createExecutionEngine, defineAgent, MemoryStore } from '@ringfence/engine'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { Gates, testEngine } from '../support/agents.ts'
import { Client, json } from '../support/client.ts'
import { hold } from '../support/raw.ts'
import { serve } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { waiting } from '../support/waiting.ts'

test('threat 19: three hundred clients that send a byte at a time are cut, and the others are served meanwhile', async () => {
  const server = await serve({ timeouts: { headersMs: 500, requestMs: 1_000 } })
  const alice = await Client.of(server, 'alice')
  const slowHead = 'GET /v1/runs HTTP/1.1\r\nHost: x\r\nX-A: '
  const slowBody =
    `POST /v1/agents/echo/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{'
  const gone = Array.from({ length: 300 }, (_value, index) => {
    const socket = hold(server.port, index % 2 === 0 ? slowHead : slowBody)
    const drip = setInterval(() => socket.write('a'), 50)
    return new Promise<void>((resolve) => {
      socket.resume()
      socket.once('close', () => {
        clearInterval(drip)
        resolve()
      })
    })
  })
  const bob = await Client.of(server, 'bob')
  expect((await bob.request('/v1/runs')).status).toBe(200)
  await Promise.all(gone)
  expect((await bob.request('/v1/runs')).status).toBe(200)
})

test('threat 23: a user whose work keeps the process busy is shed, probes answer, and the others are served after', async () => {
  const fire = { burning: true }
  onTestFinished(() => {
    fire.burning = false
  })
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'burn',
        input: z.object({}),
        output: z.object({}),
        async run() {
          while (fire.burning) {
            const until = performance.now() + 60
            while (performance.now() < until);
            await new Promise((resolve) => setImmediate(resolve))
          }
          return {}
        },
      }),
    )
    .freeze()
  const engine = createExecutionEngine({
    agents,
    limits: { ownerConcurrency: 1, concurrency: 4, ownerQueue: 2 },
  })
  const server = await serve({ engine, limits: { loopDelayMs: 15 } })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const ready = await fetch(`${server.url}/livez`)
  expect(ready.status).toBe(200)
  const starts = await Promise.all(
    Array.from(
      { length: 20 },
      async () => (await alice.post('/v1/agents/burn/runs', { input: {} })).status,
    ),
  )
  // One runs, two wait; whatever else she asked for was refused, as hers or because there is too much in all.
  expect(starts.filter((status) => status === 202).length).toBeLessThanOrEqual(4)
  expect(starts.filter((status) => status === 429 || status === 503).length).toBeGreaterThanOrEqual(
    16,
  )
  let refused = await bob.request('/v1/runs')
  while (refused.status !== 503) refused = await bob.request('/v1/runs')
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  fire.burning = false
  await expect.poll(async () => (await bob.request('/v1/runs')).status, waiting).toBe(200)
})

test('threat 24: the history of runs is bounded for each user and for all, and what one user does evicts nothing of another', async () => {
  const store = new MemoryStore({ runs: { runsPerOwner: 10, runs: 1_000, eventsPerRun: 20 } })
  const server = await serve({ engine: testEngine(new Gates(), { ownerQueue: 200 }, store) })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const kept = await bob.start('echo', { text: 'kept' })
  await bob.story(kept)
  const runs: string[] = []
  for (let index = 0; index < 60; index += 1)
    runs.push(await alice.start('chatty', { count: 30, size: 10 }))
  const last = runs.at(-1) ?? ''
  await expect
    .poll(
      async () => (await json<{ status: string }>(await alice.request(`/v1/runs/${last}`))).status,
      waiting,
    )
    .toBe('completed')
  const page = await json<{ runs: unknown[] }>(await alice.request('/v1/runs?limit=100'))
  expect(page.runs.length).toBeLessThanOrEqual(10)
  expect((await alice.request(`/v1/runs/${runs[0]}`)).status).toBe(404)
  // And of one run no more than so many events: the rest is 410, by name.
  const gone = await alice.follow(last, `${last}:1`)
  expect([gone.status, (await json<{ code: string }>(gone)).code]).toEqual([410, 'cursor_evicted'])
  expect(await bob.story(kept)).toHaveLength(4)
})

test('threat 32: two hundred starts at once get no more than the quota, over HTTP and a socket together', async () => {
  const server = await serve({
    engine: testEngine(new Gates(), { ownerQueue: 500, queue: 500 }),
    limits: { runsPerMinute: 10, ownerRequests: 500, socketRequests: 500 },
  })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const socket = await SocketClient.open(`${server.url}/v1/ws`, {
    headers: { authorization: `Bearer ${alice.token}` },
  })
  const input = { text: 'a' }
  const bySocket = Array.from({ length: 100 }, (_value, index) => {
    const id = String(index)
    socket.send({ type: 'start', id, agent: 'echo', input })
    return socket.frame(
      (frame) =>
        ('id' in frame && frame.id === id && frame.type === 'error') ||
        (frame.type === 'event' && frame.id === id && frame.event.type === 'agent_completed'),
    )
  })
  const byHttp = await Promise.all(
    Array.from(
      { length: 100 },
      async () => (await alice.post('/v1/agents/echo/runs', { input })).status,
    ),
  )
  const frames = await Promise.all(bySocket)
  const started =
    byHttp.filter((status) => status === 202).length +
    frames.filter(({ type }) => type === 'event').length
  expect(started).toBe(10)
  expect(new Set(byHttp)).toEqual(new Set(byHttp.includes(202) ? [202, 429] : [429]))
  expect(
    (await json<{ runs: unknown[] }>(await alice.request('/v1/runs?limit=100'))).runs,
  ).toHaveLength(10)
  expect((await bob.post('/v1/agents/echo/runs', { input })).status).toBe(202)
})
