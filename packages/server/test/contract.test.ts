// Nothing of Node in here: every runtime has these faces.
import { inspect, tryCurrentScope } from '@ringfence/context'
import { userScope } from '@ringfence/server'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import type { Served } from './support/face.ts'
import { testFaces } from './support/face-contract.ts'
import { facesWithoutSockets } from './support/faces-without-sockets.ts'
import { settled } from './support/settled.ts'
import { auth, tokenFor } from './support/tokens.ts'

testFaces(facesWithoutSockets)

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
