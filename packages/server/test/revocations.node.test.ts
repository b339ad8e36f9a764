import { createRevocations, type Revocations } from '@ringfence/server'
import { inspect } from '@ringfence/context'
import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { all, Client, json, sseEvents, until } from './support/client.ts'
import { hold } from './support/raw.ts'
import { serve, type TestServer } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { tokenFor } from './support/tokens.ts'

async function serveWith(revocations: Revocations): Promise<{
  server: TestServer
  alice: Client
  bob: Client
}> {
  const server = await serve({ revocations })
  return {
    server,
    alice: await Client.of(server, 'alice'),
    bob: await Client.of(server, 'bob'),
  }
}

const socketOf = ({ url, token }: Client): Promise<SocketClient> =>
  SocketClient.open(`${url}/v1/ws`, { headers: { authorization: `Bearer ${token}` } })

test('revoking ends streams, sockets, tickets, runs and tokens of one owner, and of no other', async () => {
  const revocations = createRevocations()
  const { server, alice, bob } = await serveWith(revocations)
  const clients = { alice, bob }
  const open = async (who: 'alice' | 'bob') => {
    const client = clients[who]
    const runId = await client.start('gated', { gate: who })
    const stream = sseEvents(await client.follow(runId))
    await until(stream, 'agent_text')
    const socket = await socketOf(client)
    socket.send({ type: 'follow', id: 'f', runId })
    await socket.event('f', 'agent_text')
    const { ticket } = await json<{ ticket: string }>(
      await client.post('/v1/tickets', { purpose: 'stream' }),
    )
    return { client, runId, stream, socket, ticket }
  }
  // Bob's come first, so that what is ended by its place in a list is his.
  const bobs = await open('bob')
  const alices = await open('alice')

  expect(revocations.revoke({ userId: 'alice' })).toBeGreaterThan(0)

  expect(await alices.socket.closed).toBe(4403)
  await all(alices.stream)
  expect((await alice.request('/v1/runs')).status).toBe(401)
  const byTicket = (run: { runId: string; ticket: string }): Promise<Response> =>
    fetch(`${server.url}/v1/runs/${run.runId}/events?ticket=${run.ticket}`)
  expect((await byTicket(alices)).status).toBe(401)
  const later = new LaterClient(server.url, await tokenFor('alice', { iat: seconds() + 5 }))
  await vi.waitFor(async () =>
    expect(await later.statusOf(alices.runId)).toMatch(/^(?:cancelled|failed)$/),
  )

  expect((await bob.request('/v1/runs')).status).toBe(200)
  expect((await byTicket(bobs)).status).toBe(200)
  server.gates.open('bob')
  expect((await until(bobs.stream, 'agent_completed')).event.userId).toBe('bob')
  await bobs.socket.event('f', 'agent_completed')
})

const seconds = (): number => Math.floor(Date.now() / 1_000)

class LaterClient {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  async statusOf(runId: string): Promise<string> {
    const headers = { authorization: `Bearer ${this.#token}` }
    const response = await fetch(`${this.#url}/v1/runs/${runId}`, { headers })
    return (await json<{ status: string }>(response)).status
  }
}

test('a token that was verified a moment ago is refused all the same', async () => {
  const revocations = createRevocations()
  const { alice } = await serveWith(revocations)
  expect((await alice.request('/v1/runs')).status).toBe(200)
  revocations.revoke({ userId: 'alice' })
  const refused = await alice.request('/v1/runs')
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
})

test('a request that is being authorized when its owner is revoked does not get through', async () => {
  const revocations = createRevocations()
  const server = await serve({
    revocations,
    authorize: () => {
      revocations.revoke({ userId: 'alice' })
      return true
    },
  })
  const alice = await Client.of(server, 'alice')
  expect((await alice.request('/v1/runs')).status).toBe(401)
})

test('who is revoked while their body is on its way is told so', async () => {
  const revocations = createRevocations()
  const { server, alice } = await serveWith(revocations)
  const bytes = '{"input":{"text":"x"}}'
  for (const length of [bytes.length, 100_000]) {
    const socket = hold(
      server.port,
      `POST /v1/agents/echo/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenFor('alice', { iat: seconds() + 5 })}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{"input"`,
    )
    const answer = once(socket, 'data')
    // The request is in its scope, waiting for the rest.
    await vi.waitFor(() => expect(inspect().openScopes).toBe(1))
    revocations.revoke({ userId: 'alice' })
    const [data] = await answer
    expect(String(data)).toMatch(/^HTTP\/1.1 401 /)
    expect(String(data)).toContain('"code":"invalid_token"')
    socket.destroy()
  }
  expect((await alice.request('/v1/runs')).status).toBe(401)
})

test('a tenant of the same user id is somebody else', async () => {
  const revocations = createRevocations()
  const server = await serve({
    revocations,
    auth: ({ request }) => ({
      userId: 'alice',
      tenantId: request.headers.get('x-test-tenant') ?? '',
      issuedAt: 1,
    }),
  })
  const ask = async (tenant: string): Promise<number> =>
    (await fetch(`${server.url}/v1/runs`, { headers: { 'x-test-tenant': tenant } })).status
  revocations.revoke({ userId: 'alice', tenantId: 'acme' })
  expect(await ask('acme')).toBe(401)
  expect(await ask('globex')).toBe(200)
  expect(await ask('')).toBe(200)
})

test('credentials that do not say when they were issued are for identify to refuse', async () => {
  const revocations = createRevocations()
  const server = await serve({ revocations, auth: () => ({ userId: 'alice' }) })
  revocations.revoke({ userId: 'alice' })
  expect((await fetch(`${server.url}/v1/runs`)).status).toBe(200)
})

test('a revocation is forgotten when no credentials of that time can live any more', () => {
  let now = 1_000_000
  const revocations = createRevocations({ keepMs: 1_000, now: () => now })
  revocations.revoke({ userId: 'alice' })
  expect(revocations.isRevoked({ userId: 'alice' }, 1_000_000)).toBe(true)
  expect(revocations.isRevoked({ userId: 'alice' }, 1_000_001)).toBe(false)
  now += 1_001
  revocations.revoke({ userId: 'bob' })
  expect(revocations.isRevoked({ userId: 'alice' }, 1_000_000)).toBe(false)
  expect(() => createRevocations({ keepMs: 0 })).toThrow(TypeError)
})

test('a run that continues outlives the token that started it; its stream does not', async () => {
  const server = await serve()
  const token = await tokenFor('alice', { exp: seconds() + 2 })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const started = await fetch(`${server.url}/v1/agents/gated/runs`, {
    method: 'POST',
    headers: { ...headers, accept: 'text/event-stream' },
    body: JSON.stringify({ input: { gate: 'g' } }),
  })
  const seen = await all(sseEvents(started))
  expect(seen.map(({ event }) => event.type)).toEqual(['agent_started', 'agent_text'])
  const runId = seen[0]?.event.runId ?? ''
  const alice = await Client.of(server, 'alice')
  expect(await json(await alice.request(`/v1/runs/${runId}`))).toMatchObject({ status: 'running' })
  server.gates.open('g')
  const rest = await alice.story(runId, `${runId}:1`)
  expect(rest.map(({ event }) => event.type)).toEqual(['agent_text', 'agent_completed'])
})
