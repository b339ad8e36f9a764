import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { createHandler, createServer } from '@ringfence/server'
import { expect, test } from 'vitest'
import { testEngine } from './support/agents.ts'
import { json } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth, tokenFor } from './support/tokens.ts'

async function open(): Promise<TestServer> {
  return serve({ demo: true })
}

/** A request with any Host, which fetch would not send. */
function post(
  server: TestServer,
  headers: Record<string, string>,
  body: string = '{"userId":"alice"}',
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${server.url}/demo/tokens`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.resume()
        resolve(response.statusCode)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

async function tokenOf(server: TestServer, userId: string): Promise<string> {
  const response = await fetch(`${server.url}/demo/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId }),
  })
  expect(response.status).toBe(201)
  const { token, expiresAt } = await json<{ token: string; expiresAt: string }>(response)
  const lifetime = Date.parse(expiresAt) - Date.now()
  expect(lifetime).toBeGreaterThan(0)
  expect(lifetime).toBeLessThanOrEqual(15 * 60_000)
  return token
}

function agentsAs(server: TestServer, token: string): Promise<Response> {
  return fetch(`${server.url}/v1/agents`, { headers: { authorization: `Bearer ${token}` } })
}

// origins: DMO-1
test('a demo token is good for its user, beside the configured authentication', async () => {
  const server = await open()
  const token = await tokenOf(server, 'alice')
  const started = await fetch(`${server.url}/v1/agents/echo/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    },
    body: '{"input":{"text":"x"}}',
  })
  expect(await started.text()).toContain('"userId":"alice"')
  expect((await agentsAs(server, await tokenFor('bob'))).status).toBe(200)
})

test('in demo mode no other authentication is needed, and foreign tokens are refused', async () => {
  const server = await serve({ demo: true }, { withoutAuth: true })
  expect((await agentsAs(server, await tokenOf(server, 'alice'))).status).toBe(200)
  expect((await fetch(`${server.url}/v1/agents`)).status).toBe(401)
  expect(await json(await agentsAs(server, await tokenFor('bob')))).toMatchObject({
    code: 'invalid_token',
  })
})

test('the key is of this process: another server refuses the token', async () => {
  const [one, other] = [await open(), await open()]
  const response = await agentsAs(other, await tokenOf(one, 'alice'))
  expect(await json(response)).toMatchObject({ status: 401, code: 'invalid_token' })
})

test.each([
  [{ host: 'localhost:3000' }, 201],
  [{ host: '127.0.0.1' }, 201],
  [{ host: '[::1]:3000' }, 201],
  [{ host: 'localhost:3000', origin: 'http://localhost:3000' }, 201],
  [{ host: 'evil.test' }, 404],
  [{ host: 'localhost.evil.test' }, 404],
  [{ host: '127.0.0.1.evil.test' }, 404],
  [{ host: 'localhost', origin: 'http://evil.test' }, 404],
  [{ host: 'localhost:3000', origin: 'http://localhost:4000' }, 404],
  [{ host: 'localhost', origin: 'null' }, 404],
  [{ host: 'localhost', 'x-forwarded-for': '10.0.0.1' }, 404],
  [{ host: 'localhost', forwarded: 'for=10.0.0.1' }, 404],
  [{ host: 'localhost', 'content-type': 'text/plain' }, 415],
])('with the headers %j the answer is %i', async (headers, status) => {
  expect(await post(await open(), headers)).toBe(status)
})

test('an absolute target does not stand in for the Host', async () => {
  const server = await open()
  const socket = connect(server.port, '127.0.0.1')
  const body = '{"userId":"alice"}'
  socket.write(
    'POST http://localhost/demo/tokens HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n' +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  let answer = ''
  for await (const part of socket) answer += String(part)
  expect(answer).toMatch(/^HTTP\/1.1 404 /)
})

// origins: UEC-3
test.each(['undefined', 'anonymous', '', 'a\u0000', 'x'.repeat(257)])(
  'nobody is called %j',
  async (userId) => {
    expect(await post(await open(), {}, JSON.stringify({ userId }))).toBe(422)
  },
)

test('where the peer is unknown there is no such route', async () => {
  const handler = createHandler({ engine: testEngine(), demo: true })
  const request = (): Request =>
    new Request('http://localhost/demo/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json', host: 'localhost' },
      body: '{"userId":"alice"}',
    })
  expect((await handler(request())).status).toBe(404)
  const remote = { incoming: { socket: { remoteAddress: '10.0.0.1' } } }
  expect((await handler(request(), remote)).status).toBe(404)
  const local = { incoming: { socket: { remoteAddress: '::ffff:127.0.0.1' } } }
  expect((await handler(request(), local)).status).toBe(201)
})

test('without demo mode there is no such route', async () => {
  const server = await serve()
  expect(await post(server, {})).toBe(404)
})

test.each(['0.0.0.0', '::', '192.168.1.7', 'example.test'])(
  'demo mode does not listen on %s',
  async (host) => {
    const server = createServer({ engine: testEngine(), auth, demo: true })
    await expect(server.listen({ port: 0, host })).rejects.toThrow('in demo mode')
  },
)

// origins: DMO-1
test('a socket without credentials gets a principal of the demo, a new one each, with a small quota of its own', async () => {
  const server = await open()
  const start = async (): Promise<{ userId: string; socket: SocketClient }> => {
    const socket = await SocketClient.open(`${server.url}/v1/ws`)
    socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
    const ended = await socket.event('a', 'agent_completed')
    return { userId: ended.type === 'event' ? ended.event.userId : '', socket }
  }
  const [one, other] = [await start(), await start()]
  expect([one.userId, other.userId]).toEqual([
    expect.stringMatching(/^demo:[\da-f-]{36}$/),
    expect.stringMatching(/^demo:[\da-f-]{36}$/),
  ])
  expect(one.userId).not.toBe(other.userId)
  for (let index = 0; index < 20; index += 1) {
    one.socket.send({ type: 'start', id: `b${index}`, agent: 'echo', input: { text: 'x' } })
  }
  expect(await one.socket.error('b19')).toMatchObject({ code: 'rate_limited' })
  other.socket.send({ type: 'start', id: 'c', agent: 'echo', input: { text: 'x' } })
  await other.socket.event('c', 'agent_completed')
  // A token of the demo has a user's quota, and nobody without one gets in over HTTP.
  expect((await fetch(`${server.url}/v1/runs`)).status).toBe(401)
})

test.each([
  { 'x-forwarded-for': '1.2.3.4' },
  { origin: 'https://evil.test' },
  { host: 'evil.test' },
])(
  'a socket without credentials and with the headers %j is 401 in the demo, too',
  async (headers) => {
    const server = await open()
    await expect(SocketClient.open(`${server.url}/v1/ws`, { headers })).rejects.toThrow(
      'refused with 401',
    )
  },
)
