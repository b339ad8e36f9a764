import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import type { Following } from '@ringfence/engine'
import { createHandler } from '@ringfence/server'
import { expect, onTestFinished, test } from 'vitest'
import { OutgoingSink } from '../src/events/outgoing-sink.ts'
import { Gates, testEngine } from './support/agents.ts'
import { Client, json, sseEvents, until } from './support/client.ts'
import { hold } from './support/raw.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth } from './support/tokens.ts'
import { waiting } from './support/waiting.ts'

test('a stream that asks for it gets text that it has not read yet in one piece, and none is lost', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 60, size: 10 })
  expect(await alice.story(runId)).toHaveLength(62)
  let text = ''
  let pieces = 0
  for await (const { event } of sseEvents(
    await alice.request(`/v1/runs/${runId}/events?backPressure=coalesce`),
  )) {
    if (event.type !== 'agent_text') continue
    pieces += 1
    text += event.data.delta
  }
  expect(text).toBe('x'.repeat(600))
  expect(pieces).toBeLessThan(60)
})

test.each(['', 'everything', 'Pause'])('the policy "%s" is 400', async (policy) => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  const refused = await alice.request(`/v1/runs/${runId}/events?backPressure=${policy}`)
  expect([refused.status, await json(refused)]).toMatchObject([400, { code: 'invalid_query' }])
})

test('a stream that asked for it is let go when it does not keep up; its run ends, and nobody calls that a failure', async () => {
  const gates = new Gates()
  const server = await serve({ engine: testEngine(gates, { ownerConcurrency: 1 }) })
  const alice = await Client.of(server, 'alice')
  // It waits for its turn until its reader is there: what it says first is not kept for long.
  await alice.start('gated', { gate: 'first' })
  const runId = await alice.start('chatty', { count: 2_000, size: 30_000 })
  const stalled = hold(
    server.port,
    `GET /v1/runs/${runId}/events?backPressure=disconnect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`,
  )
  await once(stalled, 'data')
  stalled.pause()
  gates.open('first')
  await expect
    .poll(
      async () => (await json<{ status: string }>(await alice.request(`/v1/runs/${runId}`))).status,
      { ...waiting, timeout: 30_000 },
    )
    .toBe('completed')
  let read = ''
  stalled.on('data', (data) => (read += String(data)))
  stalled.resume()
  await expect
    .poll(() => server.lines.filter(({ route }) => route === '/v1/runs/:id/events').length, waiting)
    .toBe(1)
  expect(server.lines.filter(({ msg }) => msg === 'request failed')).toEqual([])
  await expect
    .poll(() => read, waiting)
    .toContain('event: problem\ndata: {"type":"urn:ringfence:problem:slow_follower"')
  stalled.destroy()
})

test('a frame chooses for what it follows', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('chatty', { count: 60, size: 10 })
  await alice.story(runId)
  const socket = await SocketClient.open(`${server.url}/v1/ws`, {
    headers: { authorization: `Bearer ${alice.token}` },
  })
  socket.send({ type: 'follow', id: 'c', runId, backPressure: 'coalesce' })
  await socket.event('c', 'agent_completed')
  expect(socket.frames.length).toBeLessThan(60)
  socket.send({ type: 'follow', id: 'd', runId, backPressure: 'hope' })
  expect(await socket.error('d')).toMatchObject({ code: 'invalid_input' })
})

test('a socket that is read slowly is held back, not cut: it gets every frame', async () => {
  const server = await serve({
    limits: { socketBufferBytes: 50_000, socketOverflowBytes: 2_000_000 },
  })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const follow = async (client: Client, pause: boolean): Promise<SocketClient> => {
    const runId = await client.start('chatty', { count: 100, size: 100_000 })
    await client.story(runId)
    const socket = await SocketClient.open(`${server.url}/v1/ws`, {
      headers: { authorization: `Bearer ${client.token}` },
    })
    await socket.frame(() => true)
    if (pause) socket.socket.pause()
    socket.send({ type: 'follow', id: 'f', runId })
    return socket
  }
  const slow = await follow(alice, true)
  // As long as this takes: whoever is not held back has sent everything by then.
  await (await follow(bob, false)).event('f', 'agent_completed')
  slow.socket.resume()
  await slow.event('f', 'agent_completed')
  expect(slow.frames).toHaveLength(103)
})

test('an event is taken from the log when its reader asks for it, and not before', async () => {
  const engine = testEngine()
  onTestFinished(() => engine.close({ graceMs: 0 }))
  let taken = 0
  const counted = new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'follow') return typeof value === 'function' ? value.bind(target) : value
      return async (...given: Parameters<typeof engine.follow>): Promise<Following> => {
        const following = await engine.follow(...given)
        return {
          each: (take) =>
            following.each((event) => {
              taken += 1
              return take(event)
            }),
          stop: () => following.stop(),
        }
      }
    },
  })
  const handler = createHandler({ engine: counted, auth })
  const send = async (url: string, init?: RequestInit): Promise<Response> =>
    handler(new Request(url, init))
  const alice = await Client.of({ url: 'http://agents.test', fetch: send }, 'alice')
  const runId = await alice.start('chatty', { count: 50, size: 10 })
  await alice.story(runId)
  taken = 0
  const headers = { authorization: `Bearer ${alice.token}` }
  const response = await send(`${alice.url}/v1/runs/${runId}/events`, { headers })
  const events = sseEvents(response)
  await until(events, 'agent_text')
  // Whatever is read ahead is read while another story is told.
  expect(await alice.story(await alice.start('echo', { text: 'a' }))).toHaveLength(4)
  const toldOfIt = taken - 4
  expect(toldOfIt).toBeGreaterThan(0)
  expect(toldOfIt).toBeLessThan(5)
  await events.return()
})

test('a stream that is written directly has no room while it is not read, and has when it is', async () => {
  let answer: (outgoing: ServerResponse) => void = () => undefined
  const answered = new Promise<ServerResponse>((resolve) => {
    answer = resolve
  })
  const server = createHttpServer((_, outgoing) => answer(outgoing))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const stalled = hold(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n').pause()
  const sink = new OutgoingSink(await answered)
  let room: Promise<void> | undefined
  for (let written = 0; room === undefined && written < 1_000; written += 1) {
    room = sink.write('x'.repeat(100_000))
  }
  expect([room, sink.fullSince]).toEqual([expect.any(Promise), expect.any(Number)])
  stalled.resume()
  await room
  expect(sink.fullSince).toBeUndefined()
  stalled.destroy()
})
