import { inspect } from '@ringfence/context'
import { isDurable } from '@ringfence/engine'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testEngine, Gates } from './agents.ts'
import { all, Client, json, sseEvents, until } from './client.ts'
import type { Face, Served } from './face.ts'
import { settled } from './settled.ts'
import { auth } from './tokens.ts'

const story = ['agent_started', 'agent_thinking', 'agent_text', 'agent_completed']

/** What every face does. */
export function testFaces(faces: readonly Face[]): void {
  describe.each(faces)('$name', (face) => {
    contractOf(face)
  })
}

function contractOf(face: Face): void {
  let served: Served
  let gates: Gates
  let alice: Client
  let scopesBefore: number

  beforeEach(async () => {
    scopesBefore = inspect().openScopes
    gates = new Gates()
    served = await face.serve({ engine: testEngine(gates), auth })
    alice = await Client.of(served, 'alice')
  })

  afterEach(async () => {
    await served.close()
    expect(await settled(() => inspect().openScopes, scopesBefore)).toBe(scopesBefore)
  })

  test('lists the agents with their schemas', async () => {
    const response = await alice.request('/v1/agents')
    expect(response.status).toBe(200)
    const { agents } = await json<{ agents: { name: string; input: object }[] }>(response)
    expect(agents.map(({ name }) => name)).toContain('echo')
    expect(agents.find(({ name }) => name === 'echo')?.input).toMatchObject({ required: ['text'] })
  })

  // origins: API-2 L13
  test('starts a run with 202 and links that lead to it', async () => {
    const response = await alice.post('/v1/agents/echo/runs', { input: { text: 'hello' } })
    expect(response.status).toBe(202)
    const { runId, status, links } = await json<{
      runId: string
      status: string
      links: Record<'self' | 'events' | 'cancel', string>
    }>(response)
    expect(['queued', 'running', 'completed']).toContain(status)
    expect(response.headers.get('location')).toBe(links.self)
    const { origin } = new URL(served.url)
    const headers = { authorization: `Bearer ${alice.token}` }
    const events = await served.fetch(`${origin}${links.events}`, { headers })
    const types = []
    for await (const { event } of sseEvents(events)) if (isDurable(event)) types.push(event.type)
    expect(types).toEqual(story)
    const run = await served.fetch(`${origin}${links.self}`, { headers })
    expect(await json(run)).toMatchObject({
      runId,
      status: 'completed',
      result: { text: 'hello', userId: 'alice' },
      links,
    })
    const cancelled = await served.fetch(`${origin}${links.cancel}`, { method: 'POST', headers })
    expect(await json(cancelled)).toMatchObject({ runId, status: 'completed' })
  })

  // origins: DMO-4
  test('answers a start with the events where they are asked for', async () => {
    const response = await alice.post(
      '/v1/agents/echo/runs',
      { input: { text: 'hello' } },
      { accept: 'text/event-stream' },
    )
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    const events = await all(sseEvents(response))
    const last = events.at(-1)?.event
    expect(last).toMatchObject({ type: 'agent_completed', userId: 'alice' })
    const durable = events.filter(({ event }) => isDurable(event))
    expect(durable.map(({ id }) => id)).toEqual([0, 1, 2, 3].map((seq) => `${last?.runId}:${seq}`))
    const transient = events.filter(({ event }) => !isDurable(event))
    expect(transient.every(({ id }) => id === undefined)).toBe(true)
  })

  test('follows a run that is still going on', async () => {
    const runId = await alice.start('gated', { gate: 'g' })
    const events = sseEvents(await alice.follow(runId))
    expect((await until(events, 'agent_text')).event.data).toEqual({ delta: 'before' })
    gates.open('g')
    expect((await until(events, 'agent_text')).event.data).toEqual({ delta: 'after' })
    expect((await until(events, 'agent_completed')).event.runId).toBe(runId)
    expect((await events.next()).done).toBe(true)
  })

  test('has a document whose paths lead to its routes', async () => {
    const document = await json<{ servers?: { url: string }[]; paths: Record<string, unknown> }>(
      await alice.request('/openapi.json'),
    )
    expect(Object.keys(document.paths)).toContain('/v1/agents')
    const { pathname } = new URL(served.url)
    const prefix = document.servers?.map(({ url }) => url) ?? ['/']
    expect(prefix).toEqual([pathname])
  })

  test('lists the runs of the one who asks, newest first, page by page', async () => {
    const first = await alice.start('echo', { text: '1' })
    const second = await alice.start('echo', { text: '2' })
    const bob = await Client.of(served, 'bob')
    await bob.start('echo', { text: '3' })
    type Page = { runs: { runId: string }[]; next?: string }
    const page = await json<Page>(await alice.request('/v1/runs?limit=1'))
    expect(page.runs.map(({ runId }) => runId)).toEqual([second])
    const rest = await json<Page>(await alice.request(`/v1/runs?limit=5&before=${page.next}`))
    expect(rest.runs.map(({ runId }) => runId)).toEqual([first])
    const thread = { input: { text: '4' }, threadId: 'talk' }
    for (const owner of [bob, alice]) await owner.post('/v1/agents/echo/runs', thread)
    const talk = await json<{ runs: { threadId?: string }[] }>(
      await alice.request('/v1/runs?threadId=talk'),
    )
    expect(talk.runs).toMatchObject([{ threadId: 'talk' }])
  })

  // origins: API-2
  test('cancels a run', async () => {
    const runId = await alice.start('gated', { gate: 'never' })
    const events = sseEvents(await alice.follow(runId))
    await until(events, 'agent_text')
    const response = await alice.post(`/v1/runs/${runId}/cancel`)
    expect(await json(response)).toMatchObject({ runId, status: 'cancelled' })
    expect((await until(events, 'agent_cancelled')).event.data).toMatchObject({ reason: 'caller' })
  })

  test('a failure is told as one', async () => {
    const runId = await alice.start('failing', {})
    const events = await alice.story(runId)
    expect(events.at(-1)?.event).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'NO_LUCK', message: 'It was not to be' } },
    })
  })

  test('HEAD on a stream opens nothing', async () => {
    const runId = await alice.start('gated', { gate: 'g' })
    const response = await alice.request(`/v1/runs/${runId}/events`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toBe('')
    gates.open('g')
    expect(await settled(() => inspect().openScopes, scopesBefore)).toBe(scopesBefore)
  })

  test('the answer names the request, and takes over an id that is harmless', async () => {
    const given = await alice.request('/v1/agents', { headers: { 'x-request-id': 'mine-1' } })
    expect(given.headers.get('x-request-id')).toBe('mine-1')
    const refused = await alice.request('/v1/agents', { headers: { 'x-request-id': 'a"b' } })
    expect(refused.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
  })

  // origins: DMO-6
  test('probes answer without a user', async () => {
    for (const path of ['/livez', '/readyz']) {
      const response = await served.fetch(`${served.url}${path}`)
      expect([path, response.status]).toEqual([path, 200])
    }
  })

  test('a request for a socket that does not ask for an upgrade gets 426', async () => {
    const response = await alice.request('/v1/ws')
    expect(response.status).toBe(426)
    expect(response.headers.get('upgrade')).toBe('websocket')
  })
}
