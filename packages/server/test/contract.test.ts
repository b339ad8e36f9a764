// Nothing of Node in here: every runtime has these faces.
import { inspect, tryCurrentScope } from '@ringfence/context'
import { agentRoutes, userScope } from '@ringfence/server'
import { Hono, type Context } from 'hono'
import { describe, expect, test } from 'vitest'
import { testEngine } from './support/agents.ts'
import type { Served } from './support/face.ts'
import { testFaces } from './support/face-contract.ts'
import { facesWithoutSockets } from './support/faces-without-sockets.ts'
import { settled } from './support/settled.ts'
import { auth, tokenFor } from './support/tokens.ts'

testFaces(facesWithoutSockets)

describe('a host that reads bodies', () => {
  const readers: Record<string, (c: Context) => Promise<unknown>> = {
    'as JSON': async (c) => c.req.json().catch(() => undefined),
    'as text': async (c) => c.req.text(),
    'as bytes': async (c) => c.req.arrayBuffer(),
    'as a form': async (c) => c.req.parseBody(),
    'from a clone': async (c) => c.req.raw.clone().text(),
    'from the Request': async (c) => c.req.raw.text(),
  }

  async function post(name: string, body: string, errors: unknown[] = []): Promise<Response> {
    const engine = testEngine()
    const host = new Hono()
    host.use(async (c, next) => (await readers[name]?.(c), await next()))
    const limits = { bodyBytes: 1_000 }
    const onError = (error: unknown): void => void errors.push(error)
    host.route('/agents', agentRoutes({ engine, auth, limits, onError }))
    const response = await host.request('/agents/v1/agents/echo/runs', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor('alice')}`,
        'content-type': 'application/json',
      },
      body,
    })
    await engine.close({ graceMs: 0 })
    return response
  }

  const kept = Object.keys(readers).filter((name) => name !== 'from the Request')

  test.each(kept)('leaves them to be read: %s', async (name) => {
    expect((await post(name, '{"input":{"text":"é"}}')).status).toBe(202)
    expect((await post(name, '{"input"')).status).toBe(400)
    expect((await post(name, '{"input":{"text":"x"},"userId":"bob"}')).status).toBe(400)
    expect((await post(name, JSON.stringify({ input: { text: 'x'.repeat(990) } }))).status).toBe(
      413,
    )
  })

  test('is told so where it leaves nothing', async () => {
    const errors: unknown[] = []
    expect((await post('from the Request', '{"input":{"text":"x"}}', errors)).status).toBe(500)
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('c.req') })])
  })
})

describe('userScope', () => {
  /** A host with handlers of its own, and what of it is in a scope. */
  function openHost(): Pick<Served, 'url' | 'fetch'> {
    const host = new Hono()
    const name = (): string => tryCurrentScope()?.owner.userId ?? 'nobody'
    host.get('/own', (c) => c.text(name()))
    host.use('/mine/*', userScope({ identify: auth }))
    host.get('/mine/name', async (c) => {
      const first = name()
      await new Promise((resolve) => setTimeout(resolve, Number(c.req.query('ms') ?? 0)))
      return c.text(`${first} ${name()}`)
    })
    host.get('/mine/stream', (c) => {
      let left = 3
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(`${name()} `))
          left -= 1
          if (left === 0) controller.close()
        },
      })
      return c.body(body)
    })
    return {
      url: 'http://host.test',
      fetch: async (url, init) => host.fetch(new Request(url, init)),
    }
  }

  async function ask(
    { url, fetch: send }: ReturnType<typeof openHost>,
    path: string,
    userId: string,
  ): Promise<string> {
    const headers = { authorization: `Bearer ${await tokenFor(userId)}` }
    return (await send(url + path, { headers })).text()
  }

  test('many users at once, the first the last to be answered: each handler has its own', async () => {
    const before = inspect().openScopes
    const host = openHost()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_value, index) =>
        ask(
          host,
          index % 2 === 0 ? `/mine/name?ms=${40 - 2 * index}` : '/mine/stream',
          `user-${index}`,
        ),
      ),
    )
    expect(answers).toEqual(
      answers.map((_answer, index) =>
        index % 2 === 0 ? `user-${index} user-${index}` : `user-${index} `.repeat(3),
      ),
    )
    expect(await settled(() => inspect().openScopes, before)).toBe(before)
  })

  test('nobody gets to no handler of a user, and outside there is no user', async () => {
    const host = openHost()
    expect((await host.fetch(`${host.url}/mine/name`)).status).toBe(401)
    expect(await ask(host, '/own', 'alice')).toBe('nobody')
  })
})
