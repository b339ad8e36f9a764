import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { defineUserContext, inspect } from '@ringfence/context'
import {
  createRevocations,
  InvalidToken,
  userScope,
  type UserScopeOptions,
} from '@ringfence/server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { waiting } from './support/waiting.ts'

const users = defineUserContext('host-user', z.object({ plan: z.enum(['free', 'pro']) }))

const identify: UserScopeOptions['identify'] = ({ request }) => {
  const user = request.headers.get('x-test-user')
  if (user === 'forged') throw new InvalidToken()
  if (user === 'broken') throw new Error('the session store is down')
  return user === null ? null : { userId: user, context: { plan: 'pro' }, issuedAt: 1 }
}

async function serveHost(
  mount: (host: Hono) => void,
  options: Partial<UserScopeOptions> = {},
  around: (host: Hono) => void = () => undefined,
): Promise<string> {
  const host = new Hono()
  around(host)
  host.onError((error, c) => c.text(`host: ${error.message}`, 500))
  host.use('/mine/*', userScope({ identify, context: users, ...options }))
  mount(host)
  const server = createAdaptorServer({ fetch: host.fetch, createServer: createHttpServer })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.close()
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}

const as = (user: string): RequestInit => ({ headers: { 'x-test-user': user } })

test('a host handler runs in the scope of whoever asks, and others do not interfere', async () => {
  const before = inspect().openScopes
  const url = await serveHost((host) => {
    host.get('/mine/plan', async (c) => {
      const first = users.current().userId
      // The first to come is the last to go on.
      await new Promise((resolve) => setTimeout(resolve, first === 'user-0' ? 50 : 1))
      return c.json({ ...users.current(), first })
    })
  })
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) =>
      (await fetch(`${url}/mine/plan`, as(`user-${index}`))).json(),
    ),
  )
  expect(answers).toEqual(
    answers.map((_, index) =>
      expect.objectContaining({ userId: `user-${index}`, first: `user-${index}`, plan: 'pro' }),
    ),
  )
  await vi.waitUntil(() => inspect().openScopes === before, waiting)
})

test('a streamed answer keeps its scope until it ends', async () => {
  const before = inspect().openScopes
  const url = await serveHost((host) => {
    host.get('/mine/events', (c) =>
      streamSSE(c, async (stream) => {
        for (let index = 0; index < 3; index += 1) {
          await stream.writeSSE({ data: `${users.current().userId} ${index}` })
          await stream.sleep(1)
        }
      }),
    )
    host.get('/mine/pulled', () => {
      let pulls = 0
      return new Response(
        new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              pulls += 1
              controller.enqueue(new TextEncoder().encode(users.current().userId))
              if (pulls === 3) controller.close()
            },
          },
          { highWaterMark: 0 },
        ),
      )
    })
  })
  const events = await fetch(`${url}/mine/events`, as('alice'))
  expect(await events.text()).toBe('data: alice 0\n\ndata: alice 1\n\ndata: alice 2\n\n')
  expect(await (await fetch(`${url}/mine/pulled`, as('bob'))).text()).toBe('bobbobbob')
  await vi.waitUntil(() => inspect().openScopes === before, waiting)
})

test('an answer that is all there goes out as it is, and one that is still being made is held', async () => {
  const made: Response[] = []
  const handedOut: boolean[] = []
  const url = await serveHost(
    (host) => {
      host.get('/mine/:kind', (c) => {
        const text = c.req.param('kind') === 'text'
        const body = text ? users.current().userId : new Blob([users.current().userId]).stream()
        const answer = new Response(body, { headers: { 'x-by': 'handler' } })
        made.push(answer)
        return answer
      })
    },
    {},
    (host) => {
      host.use(async (c, next) => {
        await next()
        handedOut.push(c.res === made.at(-1))
      })
    },
  )
  for (const kind of ['text', 'stream']) {
    const answer = await fetch(`${url}/mine/${kind}`, as('alice'))
    expect([await answer.text(), answer.headers.get('x-by')]).toEqual(['alice', 'handler'])
  }
  expect(handedOut).toEqual([true, false])
})

test('a client that leaves aborts the scope', async () => {
  let aborted: (() => void) | undefined
  const left = new Promise<void>((resolve) => {
    aborted = resolve
  })
  let started: (() => void) | undefined
  const working = new Promise<void>((resolve) => {
    started = resolve
  })
  const url = await serveHost((host) => {
    host.get('/mine/slow', async (c) => {
      c.req.raw.signal.addEventListener('abort', () => aborted?.())
      started?.()
      await left
      return c.text(users.tryCurrent()?.userId ?? 'nobody')
    })
  })
  const request = httpRequest(`${url}/mine/slow`, { headers: { 'x-test-user': 'alice' } })
  request.on('error', () => undefined)
  request.end()
  await working
  const before = inspect().openScopes
  request.destroy()
  await left
  await vi.waitUntil(() => inspect().openScopes === before - 1, waiting)
  expect(inspect().openScopes).toBe(before - 1)
})

test('nobody gets to no handler, and what fails in a handler is the host’s to answer', async () => {
  let handled = 0
  const url = await serveHost((host) => {
    host.get('/mine/page', (c) => {
      handled += 1
      return c.text('mine')
    })
    host.get('/mine/failing', () => {
      throw new Error('in the handler')
    })
    host.get('/theirs', (c) => c.text(users.tryCurrent()?.userId ?? 'nobody'))
  })
  const nobody = await fetch(`${url}/mine/page`)
  expect(nobody.status).toBe(401)
  expect(nobody.headers.get('content-type')).toBe('application/problem+json')
  expect(nobody.headers.get('www-authenticate')).toBe('Bearer realm="ringfence"')
  const forged = await fetch(`${url}/mine/page`, as('forged'))
  expect(forged.status).toBe(401)
  expect(forged.headers.get('www-authenticate')).toContain('error="invalid_token"')
  const broken = await fetch(`${url}/mine/page`, as('broken'))
  expect([broken.status, await broken.text()]).toEqual([500, 'host: the session store is down'])
  expect(handled).toBe(0)
  const failing = await fetch(`${url}/mine/failing`, as('alice'))
  expect([failing.status, await failing.text()]).toEqual([500, 'host: in the handler'])
  expect(await (await fetch(`${url}/theirs`, as('alice'))).text()).toBe('nobody')
})

test('a HEAD request and an answer without a body leave no scope open', async () => {
  const before = inspect().openScopes
  const url = await serveHost(
    (host) => {
      host.get('/mine/page', (c) => c.text('mine'))
      host.delete('/mine/page', (c) => c.body(null, 204))
    },
    { idleMs: 50 },
  )
  expect((await fetch(`${url}/mine/page`, { method: 'HEAD', ...as('alice') })).status).toBe(200)
  expect((await fetch(`${url}/mine/page`, { method: 'DELETE', ...as('alice') })).status).toBe(204)
  await vi.waitUntil(() => inspect().openScopes === before, waiting)
})

test('a revoked owner is refused', async () => {
  const revocations = createRevocations()
  const url = await serveHost((host) => host.get('/mine/page', (c) => c.text('mine')), {
    revocations,
  })
  revocations.revoke({ userId: 'alice' })
  expect((await fetch(`${url}/mine/page`, as('alice'))).status).toBe(401)
  expect((await fetch(`${url}/mine/page`, as('bob'))).status).toBe(200)
})

test('without identify there is no middleware', () => {
  // @ts-expect-error -- identify is required
  expect(() => userScope({})).toThrow(TypeError)
})
