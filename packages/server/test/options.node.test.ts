import { defineUserContext } from '@ringfence/context'
import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { agentRoutes, createHandler, createServer, type RingfenceOptions } from '@ringfence/server'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { testEngine } from './support/agents.ts'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'
import { auth } from './support/tokens.ts'

const constructors = [createHandler, agentRoutes, createServer]

// origins: S-7 UEC-17
test.each(constructors)('%o does not come to be without authentication', (construct) => {
  expect(() => construct({ engine: testEngine() })).toThrow(/Expected `auth`/)
})

test.each<[string, Partial<RingfenceOptions> & { basePath?: string }]>([
  ['two ways to authenticate', { identify: auth }],
  ['a limit that is none', { limits: { bodyBytes: 0 } }],
  ['a limit that nobody knows', { limits: JSON.parse('{"bodybytes":1}') }],
  ['a budget for bodies under one body', { limits: { bodyBytes: 8, ownerBodyBytes: 7 } }],
  ['a budget for all bodies under one', { limits: { bodyBytes: 8, bodyBytesInFlight: 7 } }],
  ['a prefix that is no path', { strippedPrefix: 'agents' }],
  ['a base path that is none', { basePath: '/agents/' }],
])('%s: refused with a TypeError', (_name, options) => {
  expect(() => createHandler({ engine: testEngine(), auth, ...options })).toThrow(TypeError)
})

test('an address that is taken is an error of listen(), and another may be tried', async () => {
  const server = await serve()
  const other = createServer({ engine: testEngine(), auth })
  await expect(other.listen({ port: server.port })).rejects.toThrow('EADDRINUSE')
  const { url } = await other.listen({ port: 0 })
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  await other.close()
})

test('agents read the application’s own context', async () => {
  const users = defineUserContext('app-user', z.object({ plan: z.enum(['free', 'pro']) }))
  const agents = new AgentRegistry()
    .register(
      defineAgent({
        name: 'plan',
        input: z.object({}),
        output: z.object({ plan: z.string(), roles: z.array(z.string()) }),
        run: () => ({ plan: users.current().plan, roles: [...users.current().roles] }),
      }),
    )
    .freeze()
  const server = await serve({
    engine: createExecutionEngine({ agents }),
    context: users,
    auth: () => ({
      userId: 'alice',
      roles: ['admin'],
      context: { plan: 'pro', userId: 'mallory' },
    }),
  })
  const client = await Client.of(server, 'ignored')
  const events = await client.story(await client.start('plan', {}))
  expect(events.at(-1)?.event).toMatchObject({
    userId: 'alice',
    data: { result: { plan: 'pro', roles: ['admin'] } },
  })
})

test.each([
  ['a context that does not fit', { userId: 'alice', context: { plan: 'gold' } }],
  ['no user id', { userId: '' }],
  ['a user id that stands for nobody', { userId: 'undefined' }],
  ['a field that nobody knows', { userId: 'alice', isAdmin: true }],
])('an identity with %s opens no scope: 500', async (_name, identity) => {
  const users = defineUserContext('app-user', z.object({ plan: z.enum(['free']).optional() }))
  const server = await serve({ context: users, auth: () => identity })
  const response = await fetch(`${server.url}/v1/agents`)
  expect([response.status, await response.json()]).toMatchObject([500, { code: 'internal_error' }])
  expect(server.lines.every((line) => line['scopeId'] === undefined)).toBe(true)
})

test('an identity that has expired is refused as its token would be', async () => {
  const server = await serve({ auth: () => ({ userId: 'alice', expiresAt: Date.now() - 1 }) })
  const response = await fetch(`${server.url}/v1/agents`)
  expect([response.status, await response.json()]).toMatchObject([401, { code: 'invalid_token' }])
})

test('a host answers what is not Ringfence’s, in its own way', async () => {
  const host = new Hono()
  host.get('/', (c) => c.html('<p>the page</p>'))
  host.notFound((c) => c.text('not here', 404))
  const server = await serve({ host, basePath: '/agents' })
  const page = await fetch(server.url)
  expect([page.headers.get('content-type'), await page.text()]).toEqual([
    'text/html; charset=UTF-8',
    '<p>the page</p>',
  ])
  expect(await (await fetch(`${server.url}/v1/agents`)).text()).toBe('not here')
  expect((await fetch(`${server.url}/agents/v1/agents`)).status).toBe(401)
})

test('a host’s body that fails is cut, with nothing on the console and nothing told', async () => {
  const host = new Hono()
  host.get('/broken', () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('secret'))
      },
    })
    return new Response(body, { headers: { 'x-from': 'host' } })
  })
  const server = await serve({ host })
  // Cut before or after its head has arrived.
  const outcome = await fetch(`${server.url}/broken`)
    .then((response) => response.text())
    .catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(Error)
  expect(server.lines).toEqual([{ msg: 'body failed', errorName: 'Error', path: '/broken' }])
})

test('an embedded app learns from its host who is asking', async () => {
  const host = new Hono<{ Variables: { user: { id: string }; requestId: string } }>()
  host.use('/agents/*', async (c, next) => {
    c.set('user', { id: 'from-the-host' })
    c.set('requestId', 'host-request-1')
    await next()
  })
  const engine = testEngine()
  const routes = agentRoutes({ engine, identify: ({ hono }) => ({ userId: hono.get('user').id }) })
  host.route('/agents', routes)
  host.get('/agents/own', (c) => c.text('the host'))
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: '{"input":{"text":"a"}}',
  }
  const response = await host.request('/agents/v1/agents/echo/runs', init)
  expect(response.headers.get('x-request-id')).toBe('host-request-1')
  expect(await response.text()).toContain('"userId":"from-the-host"')
  expect(await (await host.request('/agents/own')).text()).toBe('the host')
  expect(await (await host.request('/agents/nope')).text()).toBe('404 Not Found')
})

const unknown = ['/v1/', '/v1/nope', '/v1/runs/', '/v1/runs/a/b/c', '/v1//', '/v1/a%0A/b']
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

test('an unknown path under /v1/ is a problem, whatever the host behind says', async () => {
  const host = new Hono()
  host.all('*', (c) => c.text('the host'))
  const embedding = new Hono()
  embedding.route('/agents', agentRoutes({ engine: testEngine(), auth }))
  embedding.all('*', (c) => c.text('the host'))
  const server = createServer({ engine: testEngine(), auth, host, basePath: '/agents' })
  for (const fetch of [server.fetch, (request: Request) => embedding.fetch(request)]) {
    const ask = async (path: string, method: string): Promise<Response> =>
      fetch(new Request(`https://agents.test${path}`, { method }))
    for (const method of methods) {
      for (const path of unknown) {
        const response = await ask(`/agents${path}`, method)
        expect([method, path, response.status]).toEqual([method, path, 404])
        expect(response.headers.get('content-type')).toBe('application/problem+json')
        // HEAD has none.
        const body = await response.text()
        expect(body).toContain(method === 'HEAD' ? '' : '"code":"route_not_found"')
      }
    }
    for (const path of ['/agents', '/agents/v1', '/agents/v2/', '/agents/v1x/a', '/v1/nope']) {
      expect(await (await ask(path, 'GET')).text()).toBe('the host')
    }
  }
  await server.close({ graceMs: 0 })
})

// origins: S-7
test('two handlers share nothing', async () => {
  const [one, other] = [await serve(), await serve()]
  const alice = await Client.of(one, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  const elsewhere = await Client.of(other, 'alice')
  const response = await elsewhere.request(`/v1/runs/${runId}`)
  expect(await json(response)).toMatchObject({ code: 'run_not_found' })
})
