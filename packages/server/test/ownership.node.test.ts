import { describe, expect, test } from 'vitest'
import { routes } from '../src/routes/routes.ts'
import type { OwnedRoute } from '../src/handler/route.ts'
import { Client } from './support/client.ts'
import { serve } from './support/serve.ts'

const owned = routes.filter((route): route is OwnedRoute => route.action !== undefined)
const ofOneRun = owned.filter(({ path }) => path.includes(':id'))

function send(client: Client, route: OwnedRoute, runId: string): Promise<Response> {
  const path = route.path.replace(':id', runId).replace(':name', 'echo')
  return client.request(path, {
    method: route.method,
    headers: { 'x-request-id': 'same' },
  })
}

async function whole(response: Response): Promise<unknown> {
  const headers = Object.fromEntries(response.headers)
  delete headers['date']
  // What the owner who asks has left: it goes down with each of their own requests.
  delete headers['ratelimit']
  return { status: response.status, headers, body: await response.text() }
}

test('the table covers what a run can be reached by', () => {
  expect(ofOneRun.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/runs/:id',
    'GET /v1/runs/:id/events',
    'POST /v1/runs/:id/cancel',
  ])
})

describe.each(ofOneRun)('$method $path', (route) => {
  test('serves the owner', async () => {
    const server = await serve()
    const alice = await Client.of(server, 'alice')
    const runId = await alice.start('echo', { text: 'mine' })
    await alice.story(runId)
    const response = await send(alice, route, runId)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('mine')
  })

  // origins: S-2
  test("answers for another's run byte for byte as for none", async () => {
    const server = await serve()
    const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
    const running = await alice.start('gated', { gate: 'g' })
    const ended = await alice.start('echo', { text: 'mine' })
    await alice.story(ended)
    const missing = await whole(await send(bob, route, crypto.randomUUID()))
    expect(missing).toMatchObject({ status: 404 })
    for (const runId of [running, ended]) {
      expect(await whole(await send(bob, route, runId))).toEqual(missing)
    }
    server.gates.open('g')
    expect((await alice.story(running)).at(-1)?.event.type).toBe('agent_completed')
  })

  test('tells nobody without a token whether there is a run', async () => {
    const server = await serve()
    const alice = await Client.of(server, 'alice')
    const runId = await alice.start('echo', { text: 'mine' })
    const path = route.path.replace(':id', runId)
    const response = await fetch(`${server.url}${path}`, { method: route.method })
    expect(response.status).toBe(401)
  })
})

test("another's event id as a cursor is 404 on their run, and 400 on one's own", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const theirs = await alice.start('echo', { text: 'a' })
  const own = await bob.start('echo', { text: 'b' })
  await alice.story(theirs)
  await bob.story(own)
  expect((await bob.follow(theirs, `${theirs}:1`)).status).toBe(404)
  expect((await bob.follow(own, `${theirs}:1`)).status).toBe(400)
})

test('the same user of another tenant is another owner', async () => {
  const server = await serve({
    auth: ({ request }) => ({
      userId: 'alice',
      tenantId: request.headers.get('x-test-tenant') ?? '',
    }),
  })
  const alice = await Client.of(server, 'ignored')
  const start = await alice.post(
    '/v1/agents/echo/runs',
    { input: { text: 'a' } },
    { 'x-test-tenant': 'acme' },
  )
  const location = start.headers.get('location') ?? ''
  const as = (tenant: string): Promise<Response> =>
    alice.request(location, { headers: { 'x-test-tenant': tenant } })
  expect([(await as('acme')).status, (await as('other')).status, (await as('')).status]).toEqual([
    200, 404, 404,
  ])
})

test('authorize narrows what is one’s own, and opens nothing', async () => {
  const asked: unknown[] = []
  const server = await serve({
    authorize: (actor, action, resource) => {
      asked.push([actor.userId, action, resource])
      return action !== 'runs.cancel'
    },
  })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const runId = await alice.start('echo', { text: 'a' })
  expect((await alice.post(`/v1/runs/${runId}/cancel`)).status).toBe(403)
  expect((await bob.request(`/v1/runs/${runId}`)).status).toBe(404)
  expect(asked).toEqual([
    ['alice', 'runs.start', { agent: 'echo', runId: undefined }],
    ['alice', 'runs.cancel', { agent: undefined, runId }],
    ['bob', 'runs.read', { agent: undefined, runId }],
  ])
})

test('a route is asked for its action and no other', () => {
  expect(new Set(owned.map(({ action }) => action)).size).toBe(owned.length)
})
