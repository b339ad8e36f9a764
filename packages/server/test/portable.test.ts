// Nothing of Node in here: these run on every runtime that `createHandler` claims.
import { inspect } from '@ringfence/context'
import { isDurable } from '@ringfence/engine'
import { createHandler, createServer } from '@ringfence/server'
import { expect, test } from 'vitest'
import { testEngine, Gates } from './support/agents.ts'
import { all, Client, json, sseEvents, until } from './support/client.ts'
import { settled } from './support/settled.ts'
import { auth } from './support/tokens.ts'

function open(options = {}): { served: Parameters<typeof Client.of>[0]; gates: Gates } {
  const gates = new Gates()
  const handler = createHandler({ engine: testEngine(gates), auth, ...options })
  const url = 'https://agents.test'
  return { gates, served: { url, fetch: async (path, init) => handler(new Request(path, init)) } }
}

test('a run is started, followed, resumed and read', async () => {
  const before = inspect().openScopes
  const { served } = open()
  const alice = await Client.of(served, 'alice')
  const response = await alice.post(
    '/v1/agents/echo/runs',
    { input: { text: 'hello' } },
    { accept: 'text/event-stream' },
  )
  const story = (await all(sseEvents(response))).filter(({ event }) => isDurable(event))
  expect(story.map(({ event }) => event.type)).toEqual([
    'agent_started',
    'agent_thinking',
    'agent_text',
    'agent_completed',
  ])
  const runId = story[0]?.event.runId ?? ''
  expect(await alice.story(runId, story[1]?.id)).toEqual(story.slice(2))
  expect(await json(await alice.request(`/v1/runs/${runId}`))).toMatchObject({
    status: 'completed',
    result: { text: 'hello', userId: 'alice' },
  })
  expect(await settled(() => inspect().openScopes, before)).toBe(before)
})

test("another's run is not there", async () => {
  const { served } = open()
  const [alice, bob] = [await Client.of(served, 'alice'), await Client.of(served, 'bob')]
  const runId = await alice.start('echo', { text: 'a' })
  const mine = await bob.request(`/v1/runs/${runId}`, { headers: { 'x-request-id': 'r' } })
  const none = await bob.request('/v1/runs/none', { headers: { 'x-request-id': 'r' } })
  expect([mine.status, await mine.text()]).toEqual([404, await none.text()])
})

test('a reader that leaves leaves nothing behind', async () => {
  const before = inspect().openScopes
  const { served, gates } = open()
  const alice = await Client.of(served, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const events = sseEvents(await alice.follow(runId))
  await until(events, 'agent_text')
  const during = inspect().openScopes
  await events.return()
  expect(await settled(() => inspect().openScopes, during - 1)).toBe(during - 1)
  gates.open('g')
  expect(await settled(() => inspect().openScopes, before)).toBe(before)
})

test('a client that leaves while nobody reads its stream leaves nothing behind', async () => {
  const before = inspect().openScopes
  const { served, gates } = open()
  const alice = await Client.of(served, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const leaving = new AbortController()
  await alice.request(`/v1/runs/${runId}/events`, { signal: leaving.signal })
  const during = inspect().openScopes
  leaving.abort()
  expect(await settled(() => inspect().openScopes, during - 1)).toBe(during - 1)
  gates.open('g')
  expect(await settled(() => inspect().openScopes, before)).toBe(before)
})

test('a stream that nobody reads is given up', async () => {
  const before = inspect().openScopes
  const { served } = open({ limits: { unreadMs: 20 } })
  const alice = await Client.of(served, 'alice')
  const response = await alice.follow(await alice.start('echo', { text: 'a' }))
  expect(response.body?.locked).toBe(false)
  expect(await settled(() => inspect().openScopes, before)).toBe(before)
})

test('who is nobody gets nothing', async () => {
  const { served } = open()
  const response = await served.fetch(`${served.url}/v1/agents`)
  expect([response.status, await json(response)]).toMatchObject([401, { code: 'unauthenticated' }])
})

test('a server answers without listening', async () => {
  const server = createServer({ engine: testEngine(), auth })
  const response = await server.fetch(new Request('https://agents.test/livez'))
  expect(response.status).toBe(200)
  await server.close({ graceMs: 0 })
})
