import { connect } from 'node:net'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { Client } from './support/client.ts'
import { statuses } from './support/raw.ts'
import { serve } from './support/serve.ts'

const problem = z.object({ code: z.string(), requestId: z.string() })

/** Sends raw bytes and returns the raw answer, up to the end of the connection. */
async function raw(port: number, ...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  for (const part of parts) socket.write(part)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

const h2c =
  'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n'

test.each(['h2c', 'foo', 'TLS/1.0', 'websocket, foo'])(
  'a request that asks to upgrade to %s is answered as if it had not asked',
  async (protocol) => {
    const server = await serve()
    const answer = await raw(
      server.port,
      `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(answer).toMatch(/\{"status":"ok"\}$/)
  },
)

test('its body is read, in one piece with the head or not', async () => {
  const server = await serve()
  const { token } = await Client.of(server, 'alice')
  const body = '{"input":{"text":"hello"}}'
  const head =
    `POST /v1/agents/echo/runs HTTP/1.1\r\nHost: x\r\n${h2c}Authorization: Bearer ${token}\r\n` +
    'Content-Type: application/json\r\n'
  const whole = `${head}Content-Length: ${body.length}\r\n\r\n`
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  for (const parts of [[whole + body], [whole, body], [chunked]]) {
    expect(await raw(server.port, ...parts)).toMatch(/^HTTP\/1.1 202 Accepted\r\n/)
  }
})

test('its connection is kept for the next request', async () => {
  const server = await serve()
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n')
  const answers: string[] = []
  for await (const chunk of socket) {
    if (answers.push(String(chunk)) > 1) continue
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  }
  expect(answers).toHaveLength(2)
  expect(answers.every((answer) => answer.startsWith('HTTP/1.1 200 OK'))).toBe(true)
})

test('its authentication is asked like that of any other', async () => {
  const server = await serve()
  const answer = await raw(server.port, `GET /v1/agents HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 401 /)
})

test('three hundred of them leave no connection behind', async () => {
  const server = await serve()
  const answers = await Promise.all(
    Array.from({ length: 300 }, () =>
      raw(server.port, `GET /livez HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`),
    ),
  )
  expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 200 OK'))).toHaveLength(300)
  const started = Date.now()
  await server.close()
  // Nothing is left that would have to be cut.
  expect(Date.now() - started).toBeLessThan(900)
})

test('an upgrade to a WebSocket that is refused is answered', async () => {
  const server = await serve()
  const handshake =
    'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  expect(await raw(server.port, `GET /v1/ws HTTP/1.1\r\n${handshake}`)).toMatch(/^HTTP\/1.1 401 /)
  expect(await raw(server.port, `GET /livez HTTP/1.1\r\n${handshake}`)).toMatch(/^HTTP\/1.1 200 /)
  expect(await raw(server.port, `GET /nope HTTP/1.1\r\n${handshake}`)).toMatch(/^HTTP\/1.1 404 /)
  const { token } = await Client.of(server, 'alice')
  const authorized = `GET /v1/ws HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n${handshake}`
  for (const broken of [
    authorized.replace('AAAA==', 'A'),
    authorized.replace('Version: 13', 'Version: 7'),
    authorized.replace('Host', 'Sec-WebSocket-Protocol: a,,b\r\nHost'),
  ]) {
    const [head = '', body = ''] = (await raw(server.port, broken)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 400 /)
    expect(head).toContain('content-type: application/problem+json')
    expect(problem.parse(JSON.parse(body)).code).toBe('invalid_handshake')
  }
})

test('a stream that is asked for with an upgrade is refused in a problem, and not left open', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const answer = await raw(
    server.port,
    `GET /v1/runs/${runId}/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Authorization: Bearer ${alice.token}\r\n\r\n`,
  )
  expect(statuses(answer)).toEqual([400])
  expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/)
  const { code, requestId } = problem.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''))
  expect(code).toBe('upgrade_refused')
  expect(answer).toContain(`\r\nx-request-id: ${requestId}\r\n`)
  await expect
    .poll(() => server.lines.filter(({ route }) => route === '/v1/runs/:id/events'))
    .toHaveLength(1)
})

test.each(['POST', 'HEAD', 'DELETE'])(
  '%s with an upgrade to a WebSocket is what it is without: only GET can open one',
  async (method) => {
    const server = await serve()
    const alice = await Client.of(server, 'alice')
    const body = '{"input":{"text":"a"}}'
    const answer = await raw(
      server.port,
      `${method} /v1/agents/echo/runs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
        `Authorization: Bearer ${alice.token}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(statuses(answer)).toEqual([method === 'POST' ? 202 : 405])
  },
)

test('a route that is no socket answers one that asks for it whole', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const answer = await raw(
    server.port,
    'GET /v1/runs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
      `Authorization: Bearer ${alice.token}\r\n\r\n`,
  )
  expect(statuses(answer)).toEqual([200])
  expect(answer.endsWith('\r\n\r\n{"runs":[]}')).toBe(true)
})
