import { inspect } from '@ringfence/context'
import { createServer } from '@ringfence/server'
import { expect, test } from 'vitest'
import { testEngine, Gates } from './support/agents.ts'
import { all, Client, sseEvents, until } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth, tokenFor } from './support/tokens.ts'

test('a run that finishes in time is seen to its end by who follows it', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const events = sseEvents(await alice.follow(runId))
  await until(events, 'agent_text')
  const headers = { authorization: `Bearer ${alice.token}` }
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  socket.send({ type: 'follow', id: 'f', runId })
  await socket.event('f', 'agent_text')
  const closing = server.close(5_000)
  server.gates.open('g')
  expect((await all(events)).map(({ event }) => event.type)).toEqual([
    'agent_text',
    'agent_completed',
  ])
  await socket.event('f', 'agent_completed')
  expect(await socket.closed).toBe(1001)
  await closing
  expect(inspect().openScopes).toBe(0)
})

test('a run that does not finish in time ends as cancelled by the shutdown', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'never' })
  const events = sseEvents(await alice.follow(runId))
  await until(events, 'agent_text')
  const closing = server.close(50)
  expect((await all(events)).map(({ event }) => event)).toMatchObject([
    { type: 'agent_cancelled', data: { reason: 'shutdown' } },
  ])
  await closing
})

// origins: DEP-2 DEP-3 DMO-6
test('while it drains, a server says so and starts nothing new', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const events = sseEvents(await alice.follow(runId))
  await until(events, 'agent_text')
  const headers = { authorization: `Bearer ${alice.token}` }
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  const before = await fetch(`${server.url}/readyz`)
  expect([before.status, before.headers.get('connection')]).toEqual([200, 'keep-alive'])
  const closing = server.close(5_000)

  const ready = await fetch(`${server.url}/readyz`)
  expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close'])
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  const refused = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'draining' }])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  // Refused before the body is looked at.
  expect((await alice.post('/v1/agents/nobody/runs', 'no body')).status).toBe(503)
  await expect(SocketClient.open(`${server.url}/v1/ws`, { headers })).rejects.toThrow(
    'refused with 503',
  )
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'a' } })
  expect(await socket.error('a')).toMatchObject({ code: 'draining' })
  // What is there can still be read and followed.
  expect((await alice.request(`/v1/runs/${runId}`)).status).toBe(200)

  server.gates.open('g')
  await until(events, 'agent_completed')
  await closing
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed')
})

test('closing twice waits for the first, and before listening is allowed', async () => {
  const server = createServer({ engine: testEngine(), auth })
  const closing = server.close()
  expect(server.close()).toBe(closing)
  await closing
  await expect(server.listen({ port: 0 })).rejects.toThrow('Cannot listen twice')
})

test('a client that does not let go is cut', async () => {
  const server = await serve()
  const authorization = `Bearer ${await tokenFor('alice')}`
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers: { authorization } })
  await socket.frame(() => true)
  // It reads nothing any more, so it never answers the farewell.
  socket.socket.pause()
  await server.close()
  await expect.poll(() => inspect().openScopes, waiting).toEqual(0)
})

test('a handler whose engine has closed says so', async () => {
  const engine = testEngine(new Gates())
  const server = await serve({ engine })
  const alice = await Client.of(server, 'alice')
  await engine.close()
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
  const response = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })
  expect([response.status, await response.json()]).toMatchObject([503, { code: 'draining' }])
})

test('a server that leaves says so, and serves as before until its time to leave is over', async () => {
  const server = createServer({ engine: testEngine(), auth, limits: { loopDelayMs: 60_000 } })
  const { url } = await server.listen({ port: 0 })
  const alice = await Client.of({ url, fetch }, 'alice')
  const closing = server.close({ leaveMs: 2_000, graceMs: 0 })
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  const started = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } })
  expect([started.status, started.headers.get('connection')]).toEqual([202, 'close'])
  await closing
  await expect(fetch(`${url}/readyz`)).rejects.toThrow('fetch failed')
})
