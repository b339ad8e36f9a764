import { inspect } from '@ringfence/context'
import { MemoryStore, type RunRecord } from '@ringfence/engine'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { testEngine, Gates } from './support/agents.ts'
import { Client, json, sseEvents, until } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'

test('a client that leaves mid-stream leaves nothing behind, and its run goes on', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  await until(sseEvents(await alice.follow(runId)), 'agent_text')
  await expect.poll(() => server.lines.length, waiting).toEqual(1)
  const before = inspect().openScopes
  const leaving = new AbortController()
  const response = await alice.request(`/v1/runs/${runId}/events`, { signal: leaving.signal })
  await until(sseEvents(response), 'agent_text')
  leaving.abort()
  await expect.poll(() => inspect().openScopes, waiting).toEqual(before)
  server.gates.open('g')
  expect((await alice.story(runId)).at(-1)?.event.type).toBe('agent_completed')
  await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
})

test('fifty clients that leave leave nothing behind', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const leaving = new AbortController()
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const response = await alice.request(`/v1/runs/${runId}/events`, { signal: leaving.signal })
      await until(sseEvents(response), 'agent_text')
    }),
  )
  const during = inspect().openScopes
  leaving.abort()
  await expect.poll(() => inspect().openScopes, waiting).toEqual(during - 50)
  server.gates.open('g')
  await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
})

test('with onDisconnect "cancel" the run ends with its client', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const response = await alice.post(
    '/v1/agents/gated/runs',
    { input: { gate: 'never' }, onDisconnect: 'cancel' },
    { accept: 'text/event-stream' },
  )
  const events = sseEvents(response)
  const { event } = await until(events, 'agent_text')
  await events.return()
  expect((await alice.story(event.runId)).at(-1)?.event).toMatchObject({
    type: 'agent_cancelled',
    data: { reason: 'disconnect' },
  })
  await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
  expect(server.lines[0]).toMatchObject({ status: 200, aborted: true })
})

test('with onDisconnect "cancel" a run that ends by itself has not been cancelled', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const response = await alice.post(
    '/v1/agents/echo/runs',
    { input: { text: 'a' }, onDisconnect: 'cancel' },
    { accept: 'text/event-stream' },
  )
  const { event } = await until(sseEvents(response), 'agent_completed')
  const run = await alice.request(`/v1/runs/${event.runId}`)
  expect(await run.json()).toMatchObject({ status: 'completed' })
})

test('a stream ends when the right to read it has run out', async () => {
  const server = await serve({ auth: () => ({ userId: 'alice', expiresAt: Date.now() + 500 }) })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const types = []
  for await (const { event } of sseEvents(await alice.follow(runId))) types.push(event.type)
  expect(types).toEqual(['agent_started', 'agent_text'])
})

test('a stream without events gets comments', async () => {
  const server = await serve({ limits: { heartbeatMs: 10 } })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const response = await alice.follow(runId)
  let text = ''
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part
    if (text.split(': keep-alive\n\n').length > 3) server.gates.open('g')
  }
  expect(text).toMatch(/^retry: 2000\n\n/)
  expect(text).toContain('event: agent_completed')
})

/** A client that asks and then reads nothing. */
function stalled(port: number, token: string, path: string): ReturnType<typeof connect> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  socket.on('error', () => undefined)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  return socket
}

test('a reader that stalls holds up nobody, is given little, and is cut', async () => {
  const server = await serve({ limits: { heartbeatMs: 100, unreadMs: 3_000 } })
  const alice = await Client.of(server, 'alice')
  // 25 MB of events: more than the kernel takes for a reader that does not read.
  const runId = await alice.start('chatty', { count: 250, size: 100_000 })
  expect(await alice.story(runId)).toHaveLength(252)
  const before = process.memoryUsage().arrayBuffers
  const sockets = Array.from({ length: 10 }, () =>
    stalled(server.port, alice.token, `/v1/runs/${runId}/events`),
  )
  const cut = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
  expect(await alice.story(runId)).toHaveLength(252)
  // Ten times as much would wait for them otherwise, less what the kernel takes.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(120_000_000)
  const streams = (): number =>
    server.lines.filter(({ route }) => route === '/v1/runs/:id/events').length
  await expect.poll(streams, { timeout: 40_000 }).toBe(12)
  await expect.poll(() => inspect().openScopes, waiting).toBe(0)
  for (const socket of sockets) socket.resume()
  await Promise.all(cut)
})

test('events wait for a socket whose reader pauses, and others do not', async () => {
  // An event is 100 kB: what is unsent stays far below what would close the socket.
  const limits = { socketBufferBytes: 100_000, socketOverflowBytes: 1_000_000 }
  const server = await serve({ limits })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 250, size: 100_000 })
  await alice.story(runId)
  const headers = { authorization: `Bearer ${alice.token}` }
  const slow = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  await slow.frame(() => true)
  slow.socket.pause()
  slow.send({ type: 'follow', id: 'f', runId })
  const quick = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  quick.send({ type: 'follow', id: 'f', runId })
  await quick.event('f', 'agent_completed')
  slow.socket.resume()
  await slow.event('f', 'agent_completed')
  expect(slow.frames).toEqual([expect.anything(), ...quick.frames.slice(1)])
}, 30_000)

test('a socket with too much unsent is closed', async () => {
  const limits = { socketBufferBytes: 10_000_000, socketOverflowBytes: 4_000_000 }
  const server = await serve({ limits })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 250, size: 100_000 })
  await alice.story(runId)
  const headers = { authorization: `Bearer ${alice.token}` }
  const slow = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  await slow.frame(() => true)
  slow.socket.pause()
  slow.send({ type: 'follow', id: 'f', runId })
  await expect
    .poll(() => server.lines.filter(({ route }) => route === '/v1/ws').length, waiting)
    .toEqual(1)
  slow.socket.resume()
  expect([1006, 1013]).toContain(await slow.closed)
}, 30_000)

test('a follower that falls behind what is kept gets 410, and its stream just ends', async () => {
  const server = await serve({
    engine: testEngine(new Gates(), {}, new MemoryStore({ runs: { eventsPerRun: 5 } })),
  })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 20, size: 1 })
  await expect
    .poll(async () => json<RunRecord>(await alice.request(`/v1/runs/${runId}`)))
    .toMatchObject({ status: 'completed' })
  const response = await alice.follow(runId, `${runId}:3`)
  expect([response.status, await response.json()]).toMatchObject([410, { code: 'cursor_evicted' }])
  expect((await alice.follow(runId, `${runId}:18`)).status).toBe(200)
})
