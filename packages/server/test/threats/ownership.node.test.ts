import { EventEmitter } from 'node:events'
import { bind, currentScope } from '@ringfence/context'
import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { userScope } from '@ringfence/server'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { routes } from '../../src/routes/routes.ts'
import type { OwnedRoute } from '../../src/handler/route.ts'
import { Client, json } from '../support/client.ts'
import { serve } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { auth } from '../support/tokens.ts'

const owned = routes.filter((route): route is OwnedRoute => route.action !== undefined)
/** Routes that name something of somebody's: a new one is attacked without being named here. */
const ofSomething = owned.filter(({ path }) => /:(?!name\b)\w+/.test(path))

async function whole(response: Response): Promise<unknown> {
  const headers = Object.fromEntries(response.headers)
  for (const name of ['date', 'ratelimit', 'x-request-id']) delete headers[name]
  const body = await response.text()
  return {
    status: response.status,
    headers,
    body: body.replaceAll(/"(?:instance|requestId)":"[^"]*"/g, ''),
  }
}

test("threat 6: another's id is answered as one that never was, on every route that takes one", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const ended = await alice.start('echo', { text: 'mine' })
  await alice.story(ended)
  const running = await alice.start('gated', { gate: 'g' })
  expect(ended).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(ofSomething.length).toBeGreaterThanOrEqual(3)
  for (const route of ofSomething) {
    const ask = (client: Client | undefined, id: string): Promise<Response> => {
      const path = route.path.replaceAll(/:\w+/g, id)
      const init = { method: route.method }
      return client?.request(path, init) ?? fetch(`${server.url}${path}`, init)
    }
    const missing = await whole(await ask(bob, crypto.randomUUID()))
    // 204 where a route says that nothing goes on.
    expect(missing).toMatchObject({ status: expect.toBeOneOf([404, 204]) })
    for (const id of [ended, running]) {
      expect([route.path, await whole(await ask(bob, id))]).toEqual([route.path, missing])
      expect((await ask(undefined, id)).status).toBe(401)
    }
  }
  server.gates.open('g')
  expect((await alice.story(running)).at(-1)?.event.type).toBe('agent_completed')
})

test("threat 6: over a socket another's run is what is not there, too", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const runId = await alice.start('gated', { gate: 'g' })
  const headers = { authorization: `Bearer ${bob.token}` }
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  for (const [index, type] of ['follow', 'cancel'].entries()) {
    socket.send({ type, id: `theirs-${index}`, runId })
    socket.send({ type, id: `none-${index}`, runId: crypto.randomUUID() })
    const [theirs, none] = [
      await socket.error(`theirs-${index}`),
      await socket.error(`none-${index}`),
    ]
    expect({ ...theirs, id: '' }).toEqual({ ...none, id: '' })
  }
  server.gates.open('g')
  expect((await alice.story(runId)).at(-1)?.event.type).toBe('agent_completed')
})

test("threat 7: another's event ids resume nothing", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const theirs = await alice.start('echo', { text: 'mine' })
  const events = await alice.story(theirs)
  const own = await bob.start('echo', { text: 'b' })
  await bob.story(own)
  for (const { id } of events.filter((event) => event.id !== undefined)) {
    const stolen = await bob.follow(theirs, id)
    expect([stolen.status, await stolen.text()]).toEqual([404, expect.not.stringContaining('mine')])
    expect((await bob.follow(own, id)).status).toBe(400)
    expect((await bob.request(`/v1/runs/${theirs}/events?after=${id}`)).status).toBe(404)
  }
})

test("threat 9: an idempotency key replays nothing of another user's", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const send = (client: Client): Promise<Response> =>
    client.post('/v1/agents/echo/runs', { input: { text: 'same' } }, { 'idempotency-key': '"k"' })
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_value, index) => {
      const client = index % 2 === 0 ? alice : bob
      const response = await send(client)
      // One that is still in work says so, and is asked again.
      return response.status === 409 ? '' : (await json<{ runId: string }>(response)).runId
    }),
  )
  const of = (parity: number): Set<string> =>
    new Set(answers.filter((runId, index) => index % 2 === parity && runId !== ''))
  expect([of(0).size, of(1).size]).toEqual([1, 1])
  expect([...of(0)]).not.toEqual([...of(1)])
  expect((await bob.request(`/v1/runs/${[...of(0)][0]}`)).status).toBe(404)
})

test('threat 11: a callback that lost its scope finds nobody, and one that was bound finds its own user', async () => {
  const emitter = new EventEmitter()
  const found: string[] = []
  const lost: string[] = []
  const host = new Hono()
  host.use('/mine/*', userScope({ identify: auth }))
  host.get('/mine/listen', (c) => {
    const { userId } = currentScope().owner
    const heard = new Promise<void>((resolve) => {
      emitter.once(
        'go',
        bind(() => {
          found.push(`${userId} is ${currentScope().owner.userId}`)
          resolve()
        }),
      )
    })
    emitter.emit('waiting')
    return heard.then(() => c.text(userId))
  })
  const server = await serve({ host })
  const clients = await Promise.all(
    ['alice', 'bob', 'carol'].map((userId) => Client.of(server, userId)),
  )
  let waiting = 0
  const everybody = new Promise<void>((resolve) => {
    emitter.on('waiting', () => {
      waiting += 1
      if (waiting === clients.length) resolve()
    })
  })
  // Registered for nobody, and emitted for nobody.
  emitter.on('go', () => {
    try {
      lost.push(currentScope().owner.userId)
    } catch (error) {
      lost.push(error instanceof Error && 'code' in error ? String(error.code) : 'no code')
    }
  })
  const answers = clients.map(async (client) => (await client.request('/mine/listen')).text())
  await everybody
  emitter.emit('go')
  expect(await Promise.all(answers)).toEqual(['alice', 'bob', 'carol'])
  expect(found.toSorted()).toEqual(['alice is alice', 'bob is bob', 'carol is carol'])
  expect(lost).toEqual(['NO_SCOPE'])
})

test('threat 31: what agents are defined by cannot be changed by a run, and no run sees the input of another', async () => {
  const options = {
    name: 'tamper',
    input: z.object({ words: z.array(z.string()) }),
    output: z.object({ words: z.array(z.string()), refused: z.array(z.string()) }),
    async run({ words }: { words: string[] }) {
      const { userId, context } = { ...currentScope().owner, context: currentScope().context }
      const refused: string[] = []
      const attempt = (name: string, change: () => void): void => {
        try {
          change()
        } catch {
          refused.push(name)
        }
      }
      attempt('definition', () => Object.assign(definition, { name: `${userId}-owns-this` }))
      attempt('context', () => Object.assign(context, { userId: 'bob' }))
      attempt('roles', () => void Reflect.apply(Array.prototype.push, context.roles, ['admin']))
      words.push(`${userId} was here`)
      await new Promise((resolve) => setImmediate(resolve))
      return { words, refused }
    },
  }
  const definition = defineAgent(options)
  const agents = new AgentRegistry().register(definition).freeze()
  const server = await serve({ engine: createExecutionEngine({ agents }) })
  // Whoever kept the options cannot change what was defined with them.
  Object.assign(options, { run: () => ({ words: ['replaced'], refused: [] }) })
  const play = async (userId: string): Promise<void> => {
    const client = await Client.of(server, userId)
    const runId = await client.start('tamper', { words: ['hello'] })
    expect((await client.story(runId)).at(-1)?.event).toMatchObject({
      data: {
        result: {
          words: ['hello', `${userId} was here`],
          refused: ['definition', 'context', 'roles'],
        },
      },
    })
  }
  await Promise.all(Array.from({ length: 20 }, (_value, index) => play(`user-${index}`)))
})
