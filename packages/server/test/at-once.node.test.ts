import { EventEmitter } from 'node:events'
import { currentScope, inspect } from '@ringfence/context'
import { agentRoutes, createHandler, createServer, type Identity } from '@ringfence/server'
import { Context, Hono } from 'hono'
import { afterEach, expect, test, vi } from 'vitest'
import { DirectAnswers } from '../src/handler/direct-answers.ts'
import { openExchange } from '../src/handler/exchange.ts'
import { PathRouter } from '../src/handler/path-router.ts'
import { testEngine } from './support/agents.ts'
import { auth, tokenFor } from './support/tokens.ts'

afterEach(() => void vi.useRealTimers())

const agentsFor = (authorization: string, init: RequestInit = {}): Request =>
  new Request('http://agents.test/v1/agents', { ...init, headers: { authorization } })

test('a request that waits for nothing is answered at once, and its scope has closed', async () => {
  const handler = createHandler({ engine: testEngine(), auth })
  const authorization = `Bearer ${await tokenFor('alice')}`
  const verified = handler(agentsFor(authorization))
  expect(verified).toBeInstanceOf(Promise)
  expect((await verified).status).toBe(200)
  const answer = handler(agentsFor(authorization))
  expect(inspect().openScopes).toBe(0)
  expect(answer).toBeInstanceOf(Response)
  expect(await (await answer).text()).toBe(await (await verified).text())
})

test('a method that a path does not have is refused at once, by name', async () => {
  const handler = createHandler({ engine: testEngine(), auth })
  const answer = handler(new Request('http://agents.test/v1/runs/x', { method: 'PUT' }))
  expect(answer).toBeInstanceOf(Response)
  expect((await answer).status).toBe(405)
  expect((await answer).headers.get('allow')).toBe('GET, HEAD')
})

test('a client that leaves while it is found out who asks opens no scope', async () => {
  const asked = vi.fn<() => void>()
  let found: (identity: Identity) => void = () => undefined
  const handler = createHandler({
    engine: testEngine(),
    auth: () => new Promise<Identity>((resolve) => (found = resolve)),
    authorize: () => {
      asked()
      return true
    },
  })
  const leaving = new AbortController()
  const before = inspect().openScopes
  const answer = handler(agentsFor('Bearer of-somebody', { signal: leaving.signal }))
  leaving.abort()
  found({ userId: 'alice' })
  expect((await answer).status).toBe(499)
  expect(asked).toHaveBeenCalledTimes(1)
  expect(inspect().openScopes).toBe(before)
})

test('an identity that cannot change is checked once, but its end is looked at each time', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const identity = Object.freeze<Identity>({ userId: 'alice', expiresAt: Date.now() + 60_000 })
  const handler = createHandler({ engine: testEngine(), auth: () => identity })
  const statuses: number[] = []
  for (const wait of [0, 59_000, 2_000]) {
    vi.setSystemTime(Date.now() + wait)
    statuses.push((await handler(agentsFor('Bearer x'))).status)
  }
  expect(statuses).toEqual([200, 200, 401])
})

test('an identity that can change is checked again, whatever of it changes', async () => {
  const roles = ['reader']
  const changing: { userId: string } = { userId: 'alice' }
  const withRoles = Object.freeze<Identity>({ userId: 'alice', roles })
  const seen: unknown[] = []
  let identity: Identity = changing
  const handler = createHandler({
    engine: testEngine(),
    auth: () => identity,
    authorize: (actor) => (seen.push(actor.userId, ...actor.roles), true),
  })
  await handler(agentsFor('Bearer x'))
  changing.userId = 'bob'
  await handler(agentsFor('Bearer x'))
  identity = withRoles
  await handler(agentsFor('Bearer x'))
  roles.push('admin')
  await handler(agentsFor('Bearer x'))
  expect(seen).toEqual(['alice', 'bob', 'alice', 'reader', 'alice', 'reader', 'admin'])
})

test('a host answers what is not under /v1/, and nothing that is', async () => {
  const host = new Hono().all('*', (c) => c.text(`host ${c.req.path}`))
  const { fetch } = createServer({ engine: testEngine(), auth, basePath: '/agents', host })
  const answers = ['/agents/v1/nothing', '/agents/v1/', '/agents/page', '/v1/agents'].map(
    async (path) => (await fetch(new Request(`http://agents.test${path}`))).text(),
  )
  const [unknown, root, page, above] = await Promise.all(answers)
  expect(unknown).toContain('route_not_found')
  expect(root).toContain('route_not_found')
  expect([page, above]).toEqual(['host /agents/page', 'host /v1/agents'])
})

test('many users at once, each answered at once, and each in a scope of their own', async () => {
  const users = Array.from({ length: 50 }, (_, index) => `user-${index}`)
  const seen: (readonly [string, string])[] = []
  const engine = testEngine()
  const handler = createHandler({
    engine: new Proxy(engine, {
      get(target, name) {
        if (name !== 'agents') return Reflect.get(target, name, target)
        return () => {
          seen.push([currentScope().owner.userId, currentScope().id])
          return target.agents()
        }
      },
    }),
    auth,
  })
  const headers = await Promise.all(users.map(async (user) => `Bearer ${await tokenFor(user)}`))
  for (const header of headers) await handler(agentsFor(header))
  seen.length = 0
  const answers: unknown[] = headers.map((header) => handler(agentsFor(header)))
  expect(answers.every((answer) => answer instanceof Response)).toBe(true)
  expect(seen.map(([user]) => user)).toEqual(users)
  expect(new Set(seen.map(([, scope]) => scope)).size).toBe(users.length)
})

test('whoever asks about a client that has left already is told once', () => {
  const outgoing = Object.assign(new EventEmitter(), { destroyed: false, writableFinished: false })
  const request = new Request('http://agents.test/v1/runs')
  const hono = new Context(request, {
    env: { outgoing, direct: new DirectAnswers() },
    path: '/v1/runs',
  })
  const exchange = openExchange(hono, '/v1/runs')
  const early = vi.fn<() => void>()
  const late = vi.fn<() => void>()
  exchange.onLeave(early)
  outgoing.destroyed = true
  exchange.onLeave(late)
  expect([early.mock.calls.length, late.mock.calls.length]).toEqual([0, 1])
  outgoing.emit('close')
  expect([early.mock.calls.length, late.mock.calls.length]).toEqual([1, 1])
})

test('a path that is looked up is not taken from what came before it', () => {
  const router = new PathRouter<string>()
  router.add('ALL', '/v1/agents', 'agents')
  router.add('ALL', '/v1/*', 'all')
  router.add('ALL', '/v1/runs', 'runs')
  router.add('ALL', '/v1/agents', 'again')
  const [agents, runs] = ['/v1/agents', '/v1/runs'].map((path) =>
    router.match('GET', path)[0].map(([handler]) => handler),
  )
  expect(agents?.[0]).toBe('agents')
  expect(runs).toEqual(['all', 'runs'])
  expect(router.match('GET', '/v1')[0].map(([handler]) => handler)).toEqual(['all'])
})

test('a host of a server has what it answers with in its own hands, streams of an agent among it', async () => {
  const engine = testEngine()
  const host = new Hono()
  host.use(async (c, next) => {
    await next()
    c.res.headers.set('x-host', 'seen')
  })
  host.route('/hosted', agentRoutes({ engine, auth }))
  const server = createServer({ engine, auth, host })
  const { url } = await server.listen({ port: 0 })
  try {
    const authorization = `Bearer ${await tokenFor('alice')}`
    for (const [path, method, status] of [
      ['/v1/agents', 'GET', 200],
      ['/v1/agents', 'HEAD', 200],
      ['/v1/runs/none', 'HEAD', 404],
      ['/hosted/v1/agents', 'GET', 200],
      ['/hosted/v1/runs/none', 'GET', 404],
    ] as const) {
      const answer = await fetch(`${url}${path}`, { method, headers: { authorization } })
      expect([path, answer.status]).toEqual([path, status])
      expect(answer.headers.get('x-host')).toBe(path.startsWith('/hosted') ? 'seen' : null)
      expect(answer.headers.get('content-type')).toMatch(/^application\/(?:problem\+)?json$/)
      expect((await answer.text()) === '').toBe(method === 'HEAD')
    }
    const stream = await fetch(`${url}/hosted/v1/agents/echo/runs`, {
      method: 'POST',
      headers: { authorization, accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ input: { text: 'hosted' } }),
    })
    expect(await stream.text()).toContain('agent_completed')
  } finally {
    await server.close({ graceMs: 0 })
  }
})
