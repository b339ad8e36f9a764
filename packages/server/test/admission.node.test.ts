import { request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { createHandler, createServer } from '@ringfence/server'
import { expect, onTestFinished, test, vi } from 'vitest'
import { testEngine } from './support/agents.ts'
import { all, Client, json, sseEvents, until } from './support/client.ts'
import { hold, raw } from './support/raw.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth, tokenFor } from './support/tokens.ts'
import { waiting } from './support/waiting.ts'
import { watchLoop } from '../src/server/watch-loop.ts'

const codeOf = async (response: Response): Promise<string> =>
  `${response.status} ${(await json<{ code: string }>(response)).code}`

test('requests beyond the rate get 429 and when to come back; nobody else notices', async () => {
  const server = await serve({ limits: { requestsPerMinute: 3 } })
  const alice = await Client.of(server, 'alice')
  const bob = await Client.of(server, 'bob')
  const seen = []
  for (let ask = 0; ask < 3; ask += 1) {
    const { status, headers } = await alice.request('/v1/runs')
    seen.push([status, headers.get('ratelimit-policy'), headers.get('ratelimit')])
  }
  expect(seen).toEqual([
    [200, '"requests";q=3;w=60', '"requests";r=2;t=20'],
    [200, '"requests";q=3;w=60', expect.stringMatching(/^"requests";r=1;t=(?:2\d|3\d|40)$/)],
    [200, '"requests";q=3;w=60', expect.stringMatching(/^"requests";r=0;t=(?:[45]\d|60)$/)],
  ])
  const refused = await alice.request('/v1/runs')
  expect(refused.headers.get('retry-after')).toMatch(/^(?:1?\d|20)$/)
  expect(refused.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60')
  expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=(?:1?\d|20)$/)
  expect(await codeOf(refused)).toBe('429 rate_limited')
  expect((await bob.request('/v1/runs')).headers.get('ratelimit')).toBe('"requests";r=2;t=20')
})

// origins: WSC-1
test('runs have a rate of their own, over HTTP and over a socket together', async () => {
  const server = await serve({ limits: { runsPerMinute: 2 } })
  const alice = await Client.of(server, 'alice')
  const started = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })
  expect(started.headers.get('ratelimit-policy')).toBe('"requests";q=6000;w=60, "runs";q=2;w=60')
  expect(started.headers.get('ratelimit')).toBe('"requests";r=5999;t=1, "runs";r=1;t=30')
  const headers = { authorization: `Bearer ${alice.token}` }
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'a' } })
  await socket.event('a', 'agent_completed')
  socket.send({ type: 'start', id: 'b', agent: 'echo', input: { text: 'b' } })
  expect(await socket.error('b')).toMatchObject({ code: 'rate_limited' })
  expect(await codeOf(await alice.post('/v1/agents/echo/runs', { input: { text: 'c' } }))).toBe(
    '429 rate_limited',
  )
  // Reading is no start.
  expect((await alice.request('/v1/runs')).status).toBe(200)
  const bob = await Client.of(server, 'bob')
  await bob.start('echo', { text: 'mine' })
})

test('two hundred starts at once, at a rate of ten: exactly ten come through', async () => {
  const server = await serve({ limits: { runsPerMinute: 10, ownerRequests: 1_000 } })
  const alice = await Client.of(server, 'alice')
  const answers = await Promise.all(
    Array.from({ length: 200 }, () =>
      alice.post('/v1/agents/echo/runs', { input: { text: 'again' } }),
    ),
  )
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(10)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(190)
  const { runs } = await json<{ runs: unknown[] }>(await alice.request('/v1/runs?limit=100'))
  expect(runs).toHaveLength(10)
})

test('requests in work are bounded by owner and in all, and their places come back', async () => {
  const server = await serve({ limits: { ownerRequests: 2, requests: 3 } })
  const alice = await Client.of(server, 'alice')
  const bob = await Client.of(server, 'bob')
  // A body that does not come is a request in work.
  const uploads = [upload(alice), upload(alice), upload(bob)]
  await vi.waitFor(async () =>
    expect(await codeOf(await alice.request('/v1/runs'))).toBe('429 too_many_requests'),
  )
  await vi.waitFor(async () =>
    expect(await codeOf(await bob.request('/v1/runs'))).toBe('503 overloaded'),
  )
  for (const { abort } of uploads) abort()
  await vi.waitFor(async () => expect((await alice.request('/v1/runs')).status).toBe(200))
})

function upload({ url, token }: Client): { abort: () => void } {
  const sent = httpRequest(`${url}/v1/agents/echo/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': 1_000,
    },
  })
  sent.on('error', () => undefined)
  sent.write('{')
  onTestFinished(() => {
    sent.destroy()
  })
  return { abort: () => sent.destroy() }
}

test('streams that are open are bounded by owner and in all, and their places come back', async () => {
  const server = await serve({ limits: { ownerStreams: 2, streams: 3 } })
  const alice = await Client.of(server, 'alice')
  const bob = await Client.of(server, 'bob')
  const alices = await alice.start('gated', { gate: 'a' })
  const bobs = await bob.start('gated', { gate: 'b' })
  const first = sseEvents(await alice.follow(alices))
  const second = sseEvents(await alice.follow(alices))
  const third = sseEvents(await bob.follow(bobs))
  await Promise.all([first, second, third].map((stream) => until(stream, 'agent_text')))
  expect(await codeOf(await alice.follow(alices))).toBe('429 too_many_streams')
  expect(await codeOf(await bob.follow(bobs))).toBe('503 overloaded')
  server.gates.open('a')
  await Promise.all([all(first), all(second)])
  await vi.waitFor(async () => {
    const response = await bob.follow(bobs)
    expect(response.status).toBe(200)
    await response.body?.cancel()
  })
  server.gates.open('b')
  await all(third)
  // One that is refused while it is opened gives its place back, too.
  for (let ask = 0; ask < 5; ask += 1) {
    expect(await codeOf(await alice.follow('no-such-run'))).toBe('404 run_not_found')
  }
})

// origins: MGR-1 WSC-1
test('sockets that are open are bounded by owner and in all, and their places come back', async () => {
  const server = await serve({ limits: { ownerSockets: 1, sockets: 2 } })
  const open = async (userId: string): Promise<SocketClient> =>
    SocketClient.open(`${server.url}/v1/ws`, {
      headers: { authorization: `Bearer ${await tokenFor(userId)}` },
    })
  const alice = await open('alice')
  await alice.frame(({ type }) => type === 'connection_established')
  await expect(open('alice')).rejects.toThrow('refused with 429')
  await open('bob')
  await expect(open('carol')).rejects.toThrow('refused with 503')
  alice.socket.close()
  await vi.waitFor(() => open('carol'))
})

test('an identify that does not settle is 503, and the next request is answered', async () => {
  const server = await serve({
    limits: { identifyMs: 300 },
    auth: (asked) =>
      asked.request.headers.has('x-hang') ? new Promise(() => undefined) : auth(asked),
  })
  const alice = await Client.of(server, 'alice')
  const hung = await alice.request('/v1/runs', { headers: { 'x-hang': '1' } })
  expect(hung.headers.get('retry-after')).toBe('1')
  expect(await codeOf(hung)).toBe('503 identity_unavailable')
  expect((await alice.request('/v1/runs')).status).toBe(200)
})

test('a server with more to do than it can refuses early, and answers its probes', async () => {
  const server = await serve({ limits: { loopDelayMs: 100 } })
  const alice = await Client.of(server, 'alice')
  const spin = setInterval(() => {
    const end = performance.now() + 400
    while (performance.now() < end);
  }, 1)
  onTestFinished(() => clearInterval(spin))
  await vi.waitFor(
    async () => expect(await codeOf(await alice.request('/v1/runs'))).toBe('503 overloaded'),
    { timeout: 20_000, interval: 1 },
  )
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  clearInterval(spin)
  await vi.waitFor(async () => expect((await alice.request('/v1/runs')).status).toBe(200), {
    timeout: 20_000,
  })
})

test('one pause of the event loop is no overload, however long it was', async () => {
  const heard: boolean[] = []
  const looks = new Promise<void>((resolve) => {
    const stop = watchLoop(100, (late) => {
      heard.push(late)
      if (heard.length === 3) resolve()
    })
    onTestFinished(stop)
  })
  const end = performance.now() + 1_500
  while (performance.now() < end);
  await looks
  expect(heard).toEqual([false, false, false])
})

test('only the hosts that are named are answered for; probes are, by any name', async () => {
  const handler = createHandler({
    engine: testEngine(),
    auth,
    hosts: ['agents.example', 'localhost:3000', '[::1]:3000'],
  })
  const headers = { authorization: `Bearer ${await tokenFor('alice')}` }
  const ask = async (url: string): Promise<number> =>
    (await handler(new Request(url, { headers }))).status
  expect(await ask('http://agents.example/v1/runs')).toBe(200)
  expect(await ask('http://AGENTS.example:8080/v1/runs')).toBe(200)
  expect(await ask('http://localhost:3000/v1/runs')).toBe(200)
  expect(await ask('http://[::1]:3000/v1/runs')).toBe(200)
  expect(await ask('http://localhost:3001/v1/runs')).toBe(421)
  expect(await ask('http://agents.example.evil.test/v1/runs')).toBe(421)
  expect(await ask('http://10.0.0.7/livez')).toBe(200)
  for (const hosts of [[], [''], ['http://agents.example'], ['a/b'], ['*']]) {
    expect(() => createHandler({ engine: testEngine(), auth, hosts })).toThrow(TypeError)
  }
})

test('connections are counted before anybody says who they are, and one that ends makes room', async () => {
  const server = await serve({ connections: 2 })
  const live = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'
  const answered = (socket: Socket): Promise<unknown> =>
    new Promise((resolve) => socket.once('data', resolve))
  const held = [hold(server.port, live), hold(server.port, live)]
  await Promise.all(held.map(answered))
  expect(await raw(server.port, live)).toBe('')
  held[0]?.destroy()
  await expect
    .poll(
      () => raw(server.port, live.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
      waiting,
    )
    .toContain('200 OK')
  held[1]?.destroy()
})

test.each([0, -1, 1.5, Number.NaN])('%j connections are a TypeError', (connections) => {
  expect(() => createServer({ engine: testEngine(), auth, connections })).toThrow('`connections`')
})
