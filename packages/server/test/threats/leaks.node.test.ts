import { currentScope } from '@ringfence/context'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  MemoryStore,
  type EngineStore,
} from '@ringfence/engine'
import { createServer } from '@ringfence/server'
import { Hono } from 'hono'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { routes } from '../../src/routes/routes.ts'
import { testEngine } from '../support/agents.ts'
import { all, Client, json, sseEvents } from '../support/client.ts'
import { raw, statuses } from '../support/raw.ts'
import { serve } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { auth } from '../support/tokens.ts'

test("threat 12: no answer of one's own may be kept by a shared cache, and no header that is no key is reflected", async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  await alice.story(runId)
  const headers = {
    'x-forwarded-host': 'evil.test',
    'x-forwarded-prefix': '/evil',
    'x-original-url': '/evil',
    'x-rewrite-url': '/evil',
    forwarded: 'host=evil.test',
  }
  for (const route of routes) {
    const path = route.path.replace(':name', 'echo').replaceAll(/:\w+/g, runId)
    for (const client of [alice, undefined]) {
      const init = { method: route.method, headers }
      const response = await (client?.request(path, init) ?? fetch(`${server.url}${path}`, init))
      const cache = response.headers.get('cache-control')
      expect([path, response.status, cache]).toEqual([
        path,
        response.status,
        expect.stringMatching(/\bprivate, no-(?:store|cache)\b/),
      ])
      // An answer without a body has nothing that could be mixed up.
      expect(response.status === 204 ? 'authorization' : response.headers.get('vary')).toMatch(
        /authorization/i,
      )
      expect(JSON.stringify([...response.headers])).not.toContain('evil')
      expect(await response.text()).not.toContain('evil')
    }
  }
  const started = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } }, headers)
  expect(JSON.stringify([[...started.headers], await started.text()])).not.toContain('evil')
})

test('threat 15: what a user sends and what fails with it is in no log, no metric and no answer to another', async () => {
  const canary = 'canary-31c9'
  let written = ''
  const logger = pino({ level: 'trace' }, { write: (line: string) => void (written += line) })
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'leaky',
        input: z.object({ text: z.string() }),
        output: z.object({}),
        run({ text }) {
          throw Object.assign(new Error(text, { cause: { text } }), { detail: text })
        },
      }),
    )
    .freeze()
  const server = createServer({
    // The engine's own logger gets the errors themselves: it is for those who may see them.
    engine: createExecutionEngine({ agents }),
    auth,
    logger,
    metrics: { port: 0 },
    limits: { loopDelayMs: 60_000 },
  })
  const { url, metricsUrl = '' } = await server.listen({ port: 0 })
  const [alice, bob] = [
    await Client.of({ url, fetch }, 'alice'),
    await Client.of({ url, fetch }, 'bob'),
  ]
  const headers = { cookie: canary, 'user-agent': canary, authorization: `Bearer ${canary}` }
  await alice.request(`/v1/runs?q=${canary}`, { headers })
  await alice.request('/v1/runs', { headers: { 'x-request-id': `${canary} x`, referer: canary } })
  await alice.post('/v1/agents/leaky/runs', { input: { text: 1, canary } })
  await alice.post('/v1/agents/leaky/runs', canary)
  const runId = await alice.start('leaky', { text: canary })
  const story = await alice.story(runId)
  expect(story.at(-1)?.event.type).toBe('agent_error')
  // Not even its own user is told what an unexpected error said.
  expect(JSON.stringify(story)).not.toContain(canary)
  const socket = await SocketClient.open(`${url}/v1/ws`, {
    headers: { authorization: `Bearer ${alice.token}` },
  })
  socket.send({ type: 'start', id: 'a', agent: canary, input: canary })
  await socket.error('a')
  const answers = [
    await (await bob.request('/v1/runs')).text(),
    await (await bob.request(`/v1/runs/${runId}`)).text(),
    await (await fetch(metricsUrl)).text(),
  ]
  await server.close({ graceMs: 0 })
  expect(written.split('\n').length).toBeGreaterThan(6)
  expect(
    (written + answers.join('\n')).split('\n').filter((line) => line.includes(canary)),
  ).toEqual([])
  expect(written).not.toContain(alice.token)
})

/** A store that fails with a secret, once it is told to. */
function failingStore(secret: string): { store: EngineStore; fail: (method: string) => void } {
  const memory = new MemoryStore()
  const failing = new Set<PropertyKey>()
  const runs = new Proxy(memory.runs, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...parameters: unknown[]): unknown => {
        if (failing.has(name)) throw new Error(secret)
        return Reflect.apply(value, target, parameters)
      }
    },
  })
  const store = new Proxy(memory, {
    get: (target, name): unknown => {
      if (name === 'runs') return runs
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { store, fail: (method) => void failing.add(method) }
}

test('threat 16: a failure at any stage tells its request id and not a word of itself', async () => {
  const secret = 'postgres://admin:hunter2@db'
  const stages: Record<string, () => Promise<null>> = {
    identify: () => {
      throw new Error(secret)
    },
    'no error': () => {
      // oxlint-disable-next-line typescript/only-throw-error
      throw { secret }
    },
    rejected: () => Promise.reject(new Error(secret)),
  }
  for (const [stage, fail] of Object.entries(stages)) {
    const server = await serve({ auth: () => fail() })
    const response = await fetch(`${server.url}/v1/runs`)
    const text = await response.text()
    expect([stage, response.status, text.includes(secret)]).toEqual([stage, 500, false])
    expect(JSON.parse(text)).toMatchObject({
      code: 'internal_error',
      requestId: response.headers.get('x-request-id'),
    })
    expect(JSON.stringify(server.lines)).not.toContain(secret)
  }
  const authorized = await serve({ authorize: () => Promise.reject(new Error(secret)) })
  const denied = await (await Client.of(authorized, 'alice')).request('/v1/runs')
  expect([denied.status, (await denied.text()).includes(secret)]).toEqual([500, false])

  const { store, fail } = failingStore(secret)
  const server = await serve({ engine: testEngine(undefined, {}, store) })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'never' })
  const stream = await alice.follow(runId)
  fail('read')
  // In the middle of a stream: it ends, and says nothing.
  const before = await alice.request(`/v1/runs/${runId}/events`)
  expect([before.status, (await before.text()).includes(secret)]).toEqual([500, false])
  const closing = server.close(0)
  expect(JSON.stringify(await all(sseEvents(stream)))).not.toContain(secret)
  fail('list')
  await closing
  expect(JSON.stringify(server.lines)).not.toContain(secret)
})

test("threat 16: a body of the host's that fails sends nothing of it either", async () => {
  const secret = 'hunter2'
  const host = new Hono()
  host.get('/late', (c) => {
    c.header('x-touched', '1')
    return c.body(
      new ReadableStream({
        pull() {
          throw new Error(secret)
        },
      }),
    )
  })
  const server = await serve({ host })
  const answer = await raw(
    server.port,
    'GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  )
  expect(answer).not.toContain(secret)
})

test('threat 28: only the hosts that are named are answered for, however the name is given', async () => {
  const server = await serve({ hosts: ['agents.example', '127.0.0.1'] })
  const alice = await Client.of(server, 'alice')
  expect((await alice.request('/v1/runs')).status).toBe(200)
  const ask = async (target: string, host: string): Promise<number[]> =>
    statuses(
      await raw(
        server.port,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`,
      ),
    )
  expect(await ask('/v1/runs', 'agents.example')).toEqual([200])
  for (const host of [
    'evil.test',
    'agents.example.evil.test',
    'agents.example@evil.test',
    '127.0.0.1.evil.test',
  ]) {
    expect([host, await ask('/v1/runs', host)]).toEqual([
      host,
      [expect.toSatisfy((status: unknown) => status === 421 || status === 400)],
    ])
  }
  // The target wins over the header (RFC 9112, 3.2.2), and is checked as well.
  expect(await ask('http://evil.test/v1/runs', 'agents.example')).toEqual([421])
})

test('threat 28: nothing listens for the world without authentication', async () => {
  const engine = testEngine()
  expect(() => createServer({ engine })).toThrow(TypeError)
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    await expect(createServer({ engine, demo: true }).listen({ port: 0, host })).rejects.toThrow(
      'demo mode',
    )
  }
  const server = createServer({ engine, auth })
  const { url } = await server.listen({ port: 0 })
  expect(new URL(url).hostname).toBe('127.0.0.1')
  await server.close({ graceMs: 0 })
  expect(
    await json(await createServer({ engine, auth }).fetch(new Request('http://x/v1/runs'))),
  ).toMatchObject({
    code: 'unauthenticated',
  })
  expect(() => currentScope()).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
})
