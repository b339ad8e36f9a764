import { connect as connectTo } from 'node:net'
import { inspect } from '@ringfence/context'
import { isDurable } from '@ringfence/engine'
import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { agentRoutes, createHandler } from '@ringfence/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { testEngine } from './support/agents.ts'
import { Client } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { serve, type TestServer } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth, tokenFor } from './support/tokens.ts'

async function connect(
  server: { readonly url: string },
  userId: string,
  claims = {},
): Promise<SocketClient> {
  const authorization = `Bearer ${await tokenFor(userId, claims)}`
  return SocketClient.open(`${server.url}/v1/ws`, { headers: { authorization } })
}

async function open(options = {}): Promise<{ server: TestServer; socket: SocketClient }> {
  const server = await serve(options)
  return { server, socket: await connect(server, 'alice') }
}

// origins: DMO-1 API-1 EMT-1
test('the first frame says that the connection is established', async () => {
  const { socket } = await open()
  await socket.frame(() => true)
  expect(socket.frames).toEqual([
    { type: 'connection_established', connectionId: expect.stringMatching(/^[\da-f-]{36}$/) },
  ])
})

test('a run is started and followed to its end', async () => {
  const { socket } = await open()
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'hi' }, threadId: 't1' })
  await socket.event('a', 'agent_completed')
  const events = socket.frames.flatMap((frame) => (frame.type === 'event' ? [frame.event] : []))
  expect(events.filter(isDurable).map(({ seq, type }) => [seq, type])).toEqual([
    [0, 'agent_started'],
    [1, 'agent_thinking'],
    [2, 'agent_text'],
    [3, 'agent_completed'],
  ])
  expect(new Set(events.map(({ threadId, userId }) => `${threadId} ${userId}`))).toEqual(
    new Set(['t1 alice']),
  )
})

// origins: DMO-2 DMO-3
test('several runs go on at once, and each answer carries the id of its request', async () => {
  const { server, socket } = await open()
  socket.send({ type: 'start', id: 'slow', agent: 'gated', input: { gate: 'g' } })
  await socket.event('slow', 'agent_text')
  socket.send({ type: 'start', id: 'fast', agent: 'echo', input: { text: 'x' } })
  await socket.event('fast', 'agent_completed')
  server.gates.open('g')
  await socket.event('slow', 'agent_completed')
  const runs = new Map<string, Set<string>>()
  for (const frame of socket.frames) {
    if (frame.type !== 'event') continue
    runs.set(frame.id, (runs.get(frame.id) ?? new Set()).add(frame.event.runId))
  }
  expect([...runs.values()].map(({ size }) => size)).toEqual([1, 1])
  expect(new Set([...runs.values()].flatMap((ids) => [...ids])).size).toBe(2)
})

test('a run that was started elsewhere is followed from a cursor, and cancelled', async () => {
  const { server, socket } = await open()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'never' })
  socket.send({ type: 'follow', id: 'f', runId, after: 0 })
  await socket.event('f', 'agent_text')
  socket.send({ type: 'cancel', id: 'c', runId })
  await socket.event('f', 'agent_cancelled')
  expect(socket.frames.filter(({ type }) => type === 'error')).toEqual([])
  const types = socket.frames.map((frame) => (frame.type === 'event' ? frame.event.type : ''))
  expect(types).not.toContain('agent_started')
})

test('an id may be used again when its run has ended, and not before', async () => {
  const { server, socket } = await open()
  socket.send({ type: 'start', id: 'a', agent: 'gated', input: { gate: 'g' } })
  await socket.event('a', 'agent_text')
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
  expect(await socket.error('a')).toMatchObject({ code: 'duplicate_id' })
  server.gates.open('g')
  await socket.event('a', 'agent_completed')
  socket.frames.length = 0
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
  await socket.event('a', 'agent_completed')
})

test('a ping is answered', async () => {
  const { socket } = await open()
  socket.send({ type: 'ping', id: 'p' })
  expect(await socket.frame(({ type }) => type === 'pong')).toEqual({ type: 'pong', id: 'p' })
})

describe('what a frame can be wrong in', () => {
  test.each([
    [{ type: 'start', id: 'a', agent: 'nobody', input: {} }, 'a', 'agent_not_found'],
    [{ type: 'start', id: 'a', agent: 'echo', input: { text: 1 } }, 'a', 'invalid_input'],
    [{ type: 'follow', id: 'a', runId: 'none' }, 'a', 'run_not_found'],
    [{ type: 'cancel', id: 'a', runId: 'none' }, 'a', 'run_not_found'],
    [{ type: 'start', id: 'a' }, 'a', 'invalid_input'],
    [{ type: 'explode', id: 'a' }, 'a', 'invalid_input'],
    [{ type: 'ping', id: 'a', more: 1 }, 'a', 'invalid_input'],
    [{ type: 'ping', id: 'a', userId: 'bob' }, 'a', 'user_field_refused'],
    [{ type: 'ping', id: 'x'.repeat(65) }, undefined, 'invalid_input'],
    [['ping'], undefined, 'invalid_input'],
  ])('%j is answered with its code, and the socket stays', async (frame, id, code) => {
    const { socket } = await open()
    socket.send(frame)
    expect(await socket.error(id)).toMatchObject({ code })
    socket.send({ type: 'ping', id: 'still' })
    await socket.frame((answer) => answer.type === 'pong')
  })

  // origins: API-1
  test('text that is no JSON is answered without an id', async () => {
    const { socket } = await open()
    socket.socket.send('{')
    expect(await socket.error()).toMatchObject({ code: 'malformed_json' })
  })

  test('an input that does not fit names the path', async () => {
    const { socket } = await open()
    socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 1 } })
    expect(await socket.error('a')).toMatchObject({ errors: [{ path: 'input.text' }] })
  })

  // origins: WSC-1
  test('a binary frame closes with 1003, one over the limit with 1009', async () => {
    const server = await serve({ limits: { frameBytes: 1_000 } })
    const [one, other] = [await connect(server, 'alice'), await connect(server, 'alice')]
    one.socket.send(Buffer.from('{}'))
    other.socket.send('x'.repeat(1_001))
    expect([await one.closed, await other.closed]).toEqual([1003, 1009])
  })

  // origins: WSC-1 MGR-1 DMO-2
  test('more requests at once than the limit are refused', async () => {
    const { socket } = await open({ limits: { socketRequests: 2 } })
    for (const id of ['a', 'b', 'c']) {
      socket.send({ type: 'start', id, agent: 'gated', input: { gate: 'never' } })
    }
    expect(await socket.error('c')).toMatchObject({ code: 'too_many_requests' })
  })
})

describe("another's run", () => {
  test('is not followed and not cancelled, exactly as one that is not there', async () => {
    const { server, socket } = await open()
    const bob = await connect(server, 'bob')
    socket.send({ type: 'start', id: 'a', agent: 'gated', input: { gate: 'g' } })
    const started = await socket.event('a', 'agent_started')
    const runId = started.type === 'event' ? started.event.runId : ''
    for (const type of ['follow', 'cancel']) {
      bob.send({ type, id: `${type}-theirs`, runId })
      bob.send({ type, id: `${type}-none`, runId: crypto.randomUUID() })
      const theirs = await bob.error(`${type}-theirs`)
      const none = await bob.error(`${type}-none`)
      expect({ ...theirs, id: '' }).toEqual({ ...none, id: '' })
      expect(theirs).toMatchObject({ code: 'run_not_found' })
    }
    server.gates.open('g')
    await socket.event('a', 'agent_completed')
    expect(bob.frames.filter(({ type }) => type === 'event')).toEqual([])
  })
})

describe('a socket that goes', () => {
  test('leaves no scope behind, and its run goes on', async () => {
    const { server, socket: other } = await open()
    const alice = await Client.of(server, 'alice')
    other.send({ type: 'start', id: 'a', agent: 'gated', input: { gate: 'g' } })
    const started = await other.event('a', 'agent_text')
    const runId = started.type === 'event' ? started.event.runId : ''
    const before = inspect().openScopes
    const socket = await connect(server, 'alice')
    socket.send({ type: 'follow', id: 'f', runId })
    await socket.event('f', 'agent_text')
    expect(inspect().openScopes).toBe(before + 2)
    socket.socket.terminate()
    await expect.poll(() => inspect().openScopes, waiting).toEqual(before)
    other.socket.terminate()
    await other.closed
    server.gates.open('g')
    expect((await alice.story(runId)).at(-1)?.event.type).toBe('agent_completed')
    await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
  })

  test('takes with it the runs that were to end with it', async () => {
    const before = inspect().openScopes
    const { server, socket } = await open()
    const alice = await Client.of(server, 'alice')
    socket.send({
      type: 'start',
      id: 'a',
      agent: 'gated',
      input: { gate: 'never' },
      onDisconnect: 'cancel',
    })
    const started = await socket.event('a', 'agent_text')
    const runId = started.type === 'event' ? started.event.runId : ''
    socket.socket.terminate()
    expect((await alice.story(runId)).at(-1)?.event).toMatchObject({
      type: 'agent_cancelled',
      data: { reason: 'disconnect' },
    })
    await expect.poll(() => inspect().openScopes, waiting).toEqual(before)
  })

  test('does not wait for ever for what it asked for', async () => {
    const server = await serve({
      authorize: (_actor, action) =>
        action === 'socket.open' || new Promise<never>(() => undefined),
    })
    const before = inspect().openScopes
    const socket = await connect(server, 'alice')
    socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
    await expect.poll(() => inspect().openScopes, waiting).toBe(before + 2)
    socket.socket.terminate()
    await expect.poll(() => inspect().openScopes, waiting).toBe(before)
  })

  // origins: L29
  test('before it has opened leaves nothing behind', async () => {
    const server = await serve({ limits: { openMs: 50 } })
    const { token } = await Client.of(server, 'alice')
    const socket = connectTo(server.port, '127.0.0.1')
    socket.write(
      'GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: broken\r\n' +
        `Authorization: Bearer ${token}\r\n\r\n`,
    )
    const answer = await new Promise((resolve) => {
      socket.once('data', (data) => resolve(String(data)))
    })
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    await expect.poll(() => server.lines.map(({ closeCode }) => closeCode), waiting).toEqual([1006])
    expect(inspect().openScopes).toBe(0)
  })

  test('is logged once, with its scope and its close code', async () => {
    const { server, socket } = await open()
    await socket.frame(() => true)
    socket.socket.close(1000)
    await socket.closed
    await expect
      .poll(() => server.lines, waiting)
      .toEqual([
        expect.objectContaining({
          route: '/v1/ws',
          path: '/v1/ws',
          status: 101,
          closeCode: 1000,
          scopeId: expect.stringMatching(/^[\da-f]{8}-/),
        }),
      ])
  })
})

test('a socket closes with 4401 when its token expires', async () => {
  const server = await serve()
  const exp = Math.floor(Date.now() / 1_000) + 1
  const socket = await connect(server, 'alice', { exp })
  socket.send({ type: 'start', id: 'a', agent: 'gated', input: { gate: 'never' } })
  await socket.event('a', 'agent_text')
  expect(await socket.closed).toBe(4401)
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000)
})

// origins: WSC-1
test('a socket that does not answer pings is cut', async () => {
  const server = await serve({ limits: { pingMs: 30 } })
  const socket = await connect(server, 'alice')
  await socket.frame(() => true)
  // Paused, the client neither reads pings nor answers them.
  socket.socket.pause()
  await expect.poll(() => server.lines.map(({ closeCode }) => closeCode), waiting).toEqual([1006])
})

test('a socket that answers pings stays', async () => {
  const server = await serve({ limits: { pingMs: 20 } })
  const socket = await connect(server, 'alice')
  let pings = 0
  await new Promise<void>((resolve) => {
    socket.socket.on('ping', () => {
      pings += 1
      if (pings === 5) resolve()
    })
  })
  socket.send({ type: 'ping' })
  expect(await socket.frame(({ type }) => type === 'pong')).toEqual({ type: 'pong' })
})

test('no subprotocol is sent back: it could be a token', async () => {
  const server = await serve()
  const socket = connectTo(server.port, '127.0.0.1')
  socket.write(
    'GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
      `Sec-WebSocket-Protocol: a-token, chat\r\nAuthorization: Bearer ${await tokenFor('alice')}\r\n\r\n`,
  )
  const answer = await new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data)))
  })
  socket.destroy()
  expect(answer).toMatch(/^HTTP\/1.1 101 /)
  expect(answer).not.toMatch(/sec-websocket-protocol|a-token/i)
})

test('an embedded app has sockets where its host gives the way to them', async () => {
  const host = new Hono()
  const engine = testEngine()
  host.route('/agents', agentRoutes({ engine, auth, upgradeWebSocket }))
  const sockets = new WebSocketServer({ noServer: true })
  const server = createAdaptorServer({
    fetch: host.fetch,
    overrideGlobalObjects: false,
    // @ts-expect-error the types of the adapter and of ws differ in what is optional
    websocket: { server: sockets },
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(async () => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    await engine.close({ graceMs: 0 })
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const socket = await connect({ url: `http://127.0.0.1:${port}/agents` }, 'alice')
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'hi' } })
  expect(await socket.event('a', 'agent_completed')).toMatchObject({ event: { userId: 'alice' } })
})

test('where the runtime has no way to a socket, the answer is 501', async () => {
  const handler = createHandler({ engine: testEngine(), auth })
  const headers = { upgrade: 'websocket', authorization: `Bearer ${await tokenFor('alice')}` }
  const response = await handler(new Request('http://agents.test/v1/ws', { headers }))
  expect([response.status, await response.json()]).toMatchObject([
    501,
    { code: 'socket_not_supported' },
  ])
})
