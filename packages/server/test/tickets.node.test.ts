import { expect, test } from 'vitest'
import { TicketStore } from '../src/tickets/ticket-store.ts'
import { resolveLimits } from '../src/handler/limits.ts'
import { Client, json, sseEvents } from './support/client.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'

const origin = 'http://page.test'

async function ticketOf(client: Client, purpose: string, from?: string): Promise<string> {
  const headers: Record<string, string> = from === undefined ? {} : { origin: from }
  const response = await client.post('/v1/tickets', { purpose }, headers)
  expect(response.status).toBe(201)
  expect(response.headers.get('cache-control')).toBe('private, no-store')
  const { ticket, expiresAt } = await json<{ ticket: string; expiresAt: string }>(response)
  // 256 bits.
  expect(ticket).toMatch(/^[\w-]{43}$/)
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(30_000)
  return ticket
}

function openSocket(url: string, ticket: string, from?: string): Promise<SocketClient> {
  return SocketClient.open(
    `${url}/v1/ws?ticket=${ticket}`,
    from === undefined ? {} : { origin: from },
  )
}

// origins: API-1 MGR-4
test('a ticket opens one socket for its owner', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const socket = await openSocket(server.url, await ticketOf(alice, 'socket', origin), origin)
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
  expect(await socket.event('a', 'agent_completed')).toMatchObject({ event: { userId: 'alice' } })
})

test('a ticket is used once, also by fifty at the same time', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const ticket = await ticketOf(alice, 'socket', origin)
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => openSocket(server.url, ticket, origin)),
  )
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  await expect(openSocket(server.url, ticket, origin)).rejects.toThrow('refused with 401')
})

test.each(['http://evil.test', 'http://page.test:81', 'https://page.test', 'null', undefined])(
  'a ticket is refused from the origin %s, and spent',
  async (from) => {
    const server = await serve()
    const alice = await Client.of(server, 'alice')
    const ticket = await ticketOf(alice, 'socket', origin)
    await expect(openSocket(server.url, ticket, from)).rejects.toThrow('refused with 401')
    await expect(openSocket(server.url, ticket, origin)).rejects.toThrow('refused with 401')
  },
)

test('a ticket for a stream opens no socket, and the other way round', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const stream = await ticketOf(alice, 'stream')
  await expect(openSocket(server.url, stream)).rejects.toThrow('refused with 401')
  const runId = await alice.start('echo', { text: 'a' })
  const socket = await ticketOf(alice, 'socket')
  const response = await fetch(`${server.url}/v1/runs/${runId}/events?ticket=${socket}`)
  expect([response.status, await response.json()]).toMatchObject([401, { code: 'invalid_ticket' }])
})

test('a ticket that has expired is refused', async () => {
  const server = await serve({ limits: { ticketMs: 1 } })
  const alice = await Client.of(server, 'alice')
  const ticket = await ticketOf(alice, 'socket')
  const issuedAt = Date.now()
  await expect.poll(() => Date.now() - issuedAt, { interval: 1 }).toBeGreaterThan(1)
  await expect(openSocket(server.url, ticket)).rejects.toThrow('refused with 401')
})

// origins: MGR-4
test('a ticket that nobody issued is refused', async () => {
  const server = await serve()
  for (const ticket of ['', 'x', 'A'.repeat(43), 'A'.repeat(5_000)]) {
    await expect(openSocket(server.url, ticket)).rejects.toThrow('refused with 401')
  }
})

test('a ticket opens nothing but what it is for', async () => {
  const server = await serve()
  const ticket = await ticketOf(await Client.of(server, 'alice'), 'stream')
  for (const path of ['/v1/agents', '/v1/runs']) {
    expect((await fetch(`${server.url}${path}?ticket=${ticket}`)).status).toBe(401)
  }
})

test('a ticket beside an Authorization header, or beside another ticket, is 400 and spends nothing', async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const runId = await alice.start('echo', { text: 'a' })
  const events = `/v1/runs/${runId}/events`
  const [one, other] = [await ticketOf(alice, 'stream'), await ticketOf(bob, 'stream')]
  const asked = [
    bob.request(`${events}?ticket=${one}`),
    bob.request(`${events}?ticket=`),
    bob.request(`/v1/runs?ticket=${one}`),
    bob.request(events, { headers: { authorization: 'Basic YTpi' } }),
    fetch(`${server.url}${events}?ticket=${one}&ticket=${other}`),
  ]
  const answers = await Promise.all(
    asked.map(async (response) => json<{ code: string }>(await response)),
  )
  expect(answers.map(({ code }) => code)).toEqual([
    'ambiguous_credentials',
    'ambiguous_credentials',
    'ambiguous_credentials',
    'unauthenticated',
    'ambiguous_credentials',
  ])
  const socket = await ticketOf(alice, 'socket')
  const authorization = `Bearer ${alice.token}`
  const both = SocketClient.open(`${server.url}/v1/ws?ticket=${socket}`, {
    headers: { authorization },
  })
  await expect(both).rejects.toThrow('refused with 400')
  expect((await fetch(`${server.url}${events}?ticket=${one}`)).status).toBe(200)
  await openSocket(server.url, socket)
})

test('an EventSource follows by ticket: from its own origin it sends no Origin', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  const follow = async (headers: Record<string, string>): Promise<Response> => {
    const ticket = await ticketOf(alice, 'stream', server.url)
    return fetch(`${server.url}/v1/runs/${runId}/events?ticket=${ticket}`, { headers })
  }
  const response = await follow({ 'sec-fetch-site': 'same-origin' })
  const types = []
  for await (const { event } of sseEvents(response)) types.push(event.type)
  expect(types).toContain('agent_completed')
  expect((await follow({ origin: server.url })).status).toBe(200)
  expect((await follow({ 'sec-fetch-site': 'cross-site' })).status).toBe(401)
  expect((await follow({ origin: 'http://evil.test' })).status).toBe(401)
  expect((await follow({})).status).toBe(401)
})

test("a ticket for oneself does not reach another's run", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const runId = await alice.start('echo', { text: 'a' })
  const ticket = await ticketOf(bob, 'stream')
  const response = await fetch(`${server.url}/v1/runs/${runId}/events?ticket=${ticket}`)
  expect(response.status).toBe(404)
})

test('without a ticket, cookies alone open no socket: any page could send them', async () => {
  const server = await serve({ auth: () => ({ userId: 'alice' }) })
  const url = `${server.url}/v1/ws`
  const headers = { cookie: 'session=alice' }
  await expect(SocketClient.open(url, { headers, origin: 'http://evil.test' })).rejects.toThrow(
    'refused with 401',
  )
})

// origins: MGR-1
test('unused tickets are bounded for one owner, and for all', async () => {
  const store = new TicketStore(resolveLimits({ ticketsPerOwner: 2, tickets: 3 }))
  const codes = []
  for (const userId of ['a', 'a', 'a', 'b', 'c']) {
    const issued = store.issue({ userId }, 'socket', undefined)
    codes.push(
      await issued.then(
        () => 'issued',
        ({ code }: { code: string }) => code,
      ),
    )
  }
  expect(codes).toEqual(['issued', 'issued', 'too_many_tickets', 'issued', 'queue_full'])
})

test('two hundred at the same time get no more tickets than one may have', async () => {
  const store = new TicketStore(resolveLimits({ ticketsPerOwner: 7 }))
  const asked = Array.from({ length: 200 }, () => store.issue({ userId: 'a' }, 'socket', undefined))
  const outcomes = await Promise.allSettled(asked)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(7)
})

test('a ticket is kept as a hash alone', async () => {
  const store = new TicketStore(resolveLimits())
  const { ticket } = await store.issue({ userId: 'a' }, 'socket', undefined)
  const bearer = { origin: undefined, host: undefined, site: undefined }
  expect(await store.redeem(ticket.replace(/.$/, '_'), 'socket', bearer)).toBeUndefined()
  expect(await store.redeem(ticket, 'socket', bearer)).toEqual({ userId: 'a' })
})

test('a revoked owner loses their tickets, and nobody else theirs', async () => {
  const tickets = new TicketStore(resolveLimits())
  const bearer = { origin, host: undefined, site: undefined }
  const issue = async (userId: string): Promise<string> =>
    (await tickets.issue({ userId }, 'stream', origin)).ticket
  const [bobs, alices] = [await issue('bob'), await issue('alice')]
  tickets.forgetOwner('0:5:alice')
  expect(await tickets.redeem(alices, 'stream', bearer)).toBeUndefined()
  expect(await tickets.redeem(bobs, 'stream', bearer)).toEqual({ userId: 'bob' })
})
