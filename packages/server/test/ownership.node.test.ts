import { describe, expect, test } from 'vitest'
import { routes } from '../src/routes/routes.ts'
import type { OwnedRoute } from '../src/handler/route.ts'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'

const owned = routes.filter((route): route is OwnedRoute => route.action !== undefined)
const ofOne = owned.filter(({ path }) => path.includes(':id'))
const ofOneRun = ofOne.filter(({ path }) => path.startsWith('/v1/runs/'))
const nameOf = ({ method, path }: OwnedRoute): string => `${method} ${path}`

function send(client: Client, route: OwnedRoute, id: string): Promise<Response> {
  const path = route.path.replace(':id', id).replace(':name', 'echo')
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
  expect(ofOneRun.map(nameOf)).toEqual([
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

test("somebody else's chat, conversation and question answer as those that are not there", async () => {
  const server = await serve({ engine: chatEngine(new Gates()) })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const parts = [{ type: 'text', text: 'canary' }]
  const messages = [{ id: 'm', role: 'user', parts }]
  // Asks its owner before it goes on, and so the chat is there as long as the test.
  const chat = { id: 'chat', agent: 'careful', messages, trigger: 'submit-message' }
  const stream = await alice.post('/v1/chat', chat)
  type Page = { approvals: { approvalId: string }[] }
  const questions = async (): Promise<Page['approvals']> =>
    (await json<Page>(await alice.request('/v1/approvals'))).approvals
  await expect.poll(async () => (await questions()).length).toBe(1)
  const question = (await questions())[0]?.approvalId ?? ''
  const rest = ofOne.filter((route) => !ofOneRun.includes(route))
  for (const route of rest) {
    const id = route.path.startsWith('/v1/approvals/') ? question : 'chat'
    const missing = await whole(await send(bob, route, crypto.randomUUID()))
    expect(await whole(await send(bob, route, id))).toEqual(missing)
    expect(missing).toMatchObject({ status: route.path.startsWith('/v1/chat/') ? 204 : 404 })
    expect((await fetch(`${server.url}${route.path}`, { method: route.method })).status).toBe(401)
  }
  expect(rest.length).toBeGreaterThanOrEqual(8)
  expect((await alice.post(`/v1/approvals/${question}/approve`)).status).toBe(200)
  expect(await stream.text()).toContain('canary')
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

test('a route is asked for its action and no other, unless several do the same', () => {
  const sharing = owned.filter(({ action }, index) =>
    owned.some((other, place) => place !== index && other.action === action),
  )
  expect(sharing.map((route) => `${route.action}: ${nameOf(route)}`).toSorted()).toEqual([
    'approvals.decide: POST /v1/approvals/:id/approve',
    'approvals.decide: POST /v1/approvals/:id/deny',
    'runs.cancel: POST /v1/chat/:id/stop',
    'runs.cancel: POST /v1/runs/:id/cancel',
    'runs.follow: GET /v1/chat/:id/stream',
    'runs.follow: GET /v1/runs/:id/events',
    'runs.start: POST /v1/ag-ui/:name',
    'runs.start: POST /v1/agents/:name/runs',
    'runs.start: POST /v1/chat',
    'socket.open: GET /v1/chat/ws',
    'socket.open: GET /v1/ws',
    'threads.read: GET /v1/threads/:id',
    'threads.read: GET /v1/threads/:id/messages',
  ])
})
