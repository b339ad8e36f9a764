import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { userScope } from '@ringfence/server'
import { currentScope } from '@ringfence/context'
import fc from 'fast-check'
import { Hono } from 'hono'
import { pino } from 'pino'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { Client, json } from '../support/client.ts'
import { hold, raw, statuses } from '../support/raw.ts'
import { serve } from '../support/serve.ts'
import { auth } from '../support/tokens.ts'

const run = '/v1/agents/echo/runs'
const jsonType = { 'content-type': 'application/json' }

test('threat 13: a key that reaches for a prototype is refused wherever it stands, and no prototype is changed', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const key = fc.constantFrom('__proto__', '\\u005f_proto__', '__pro\\u0074o__')
  const place = fc.array(fc.constantFrom('[', '{"a":', '{"input":'), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(key, place, async (name, path) => {
      const close = path.toReversed().map((open) => (open === '[' ? ']' : '}'))
      const body = `${path.join('')}{"${name}":{"admin":true}}${close.join('')}`
      const response = await alice.request(run, { method: 'POST', headers: jsonType, body })
      expect([body, (await json<{ code: string }>(response)).code]).toEqual([body, 'unsafe_key'])
    }),
    { numRuns: 60 },
  )
  // These are names like others: they reach the agent as data and nothing else.
  const input = { text: 'a', constructor: { prototype: { admin: true } } }
  expect((await alice.post(run, { input })).status).toBe(202)
  expect(
    (await alice.request('/v1/runs?__proto__[admin]=1&constructor.prototype.admin=1')).status,
  ).toBe(200)
  expect(Reflect.get({}, 'admin')).toBeUndefined()
})

test('threat 14: line breaks and control characters reach no header and no second line of the log', async () => {
  let written = ''
  const logger = pino({}, { write: (line: string) => void (written += line) })
  const server = await serve({ logger })
  const alice = await Client.of(server, 'alice')
  const evil = 'a\r\nset-cookie: evil=1\u001b[31m\u2028\u0085'
  const requests = [
    alice.request(`/v1/runs/${encodeURIComponent(evil)}`),
    alice.request(`/v1/runs/x/events?after=${encodeURIComponent(evil)}`),
    alice.post(run, { input: { text: evil }, threadId: evil }),
    alice.post(`/v1/agents/${encodeURIComponent(evil)}/runs`, { input: {} }),
    alice.request('/v1/runs', { headers: { 'x-request-id': 'a;b=c' } }),
  ]
  for (const response of await Promise.all(requests)) {
    expect(response.status).toBeLessThan(500)
    expect([...response.headers.keys()]).not.toContain('set-cookie')
    expect(response.headers.get('x-request-id')).toMatch(/^[\w=-]{1,128}$/)
  }
  for (const header of [
    'X-Request-Id: a\r b',
    'X-Request-Id: a\nset-cookie: b',
    'X-Request-Id: \u0000',
  ]) {
    const answer = await raw(
      server.port,
      `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n\r\n`,
    )
    expect(answer.toLowerCase()).not.toContain('set-cookie')
  }
  const lines = written.trimEnd().split('\n')
  expect(lines.length).toBeGreaterThanOrEqual(requests.length)
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({ msg: 'request' })
    expect(line.split('').filter((character) => character < ' ')).toEqual([])
  }
})

test('threat 17: a body too large is 413 before it is read, one too deep is 400, headers too large are 431', async () => {
  const server = await serve({ limits: { bodyBytes: 100_000 } })
  const alice = await Client.of(server, 'alice')
  const head = `POST ${run} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: application/json\r\n`
  const announced = hold(server.port, `${head}Content-Length: 1000000000000\r\n\r\n{`)
  const answer = await new Promise<string>((resolve) => {
    announced.once('data', (data) => resolve(String(data)))
  })
  announced.destroy()
  expect(statuses(answer)).toEqual([413])
  const chunk = 'x'.repeat(65_536)
  const chunked = await raw(
    server.port,
    `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ...Array.from({ length: 3 }, () => `10000\r\n${chunk}\r\n`),
  )
  expect(statuses(chunked)).toEqual([413])
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ]) {
    const body = `${open?.repeat(9_000)}1${close?.repeat(9_000)}`
    const response = await alice.request(run, { method: 'POST', headers: jsonType, body })
    expect([response.status, (await json<{ code: string }>(response)).code]).toEqual([
      400,
      'json_too_deep',
    ])
  }
  const large = await raw(
    server.port,
    `GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`,
  )
  expect(statuses(large)).toEqual([431])
})

test('threat 18: a compressed body is refused, not unpacked', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const bomb = gzipSync(Buffer.alloc(10_000_000, '['))
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'identity, gzip']) {
    const headers = { ...jsonType, 'content-encoding': encoding }
    const response = await alice.request(run, { method: 'POST', headers, body: bomb })
    expect([encoding, response.status]).toEqual([encoding, 415])
  }
})

test('threat 25: no input makes a pattern run away: long repetitions are answered at every door', async () => {
  const server = await serve({ trustProxy: 'loopback' })
  const alice = await Client.of(server, 'alice')
  const seeds = ['a', 'a.', '=', ' ', '\\"', '"', '1:', 'a,', '-_', 'for=a;', '::', '%0']
  for (const seed of seeds) {
    const long = seed.repeat(Math.floor(7_000 / seed.length))
    const headers = [
      { authorization: `Bearer ${long}!` },
      { 'idempotency-key': `"${long}` },
      { 'last-event-id': `${long}!` },
      { 'x-request-id': `${long}!` },
      { 'x-forwarded-for': `${long}!` },
      { forwarded: `${long}!` },
      { 'content-type': `application/json;${long}!` },
    ]
    for (const header of headers) {
      const response = await alice.post(run, { input: { text: long.repeat(20) } }, header)
      expect(response.status).toBeLessThan(500)
      await response.arrayBuffer()
    }
    const query = encodeURIComponent(`${long.slice(0, 2_000)}!`)
    expect([400, 404]).toContain((await alice.request(`/v1/runs/x/events?after=${query}`)).status)
  }
})

test('threat 26: a request that two servers could read differently is refused once, and its connection closed', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const smuggled = `GET /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`
  const post = (...lines: string[]): string =>
    `POST ${run} HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Type: application/json\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`
  const vectors: Record<string, string> = {
    'both lengths': `${post('Host: x', 'Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
    'two lengths': `${post('Host: x', 'Content-Length: 0', 'Content-Length: 5')}${smuggled}`,
    'a length that is none': `${post('Host: x', 'Content-Length: +5')}${smuggled}`,
    'an unknown coding': `${post('Host: x', 'Transfer-Encoding: xchunked')}${smuggled}`,
    'chunked, but not last': `${post('Host: x', 'Transfer-Encoding: chunked, gzip')}${smuggled}`,
    'two hosts': `GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${smuggled}`,
    'two hosts that ask for a socket': `GET /v1/ws HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ${alice.token}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    'no host': `GET /livez HTTP/1.1\r\n\r\n${smuggled}`,
    'a folded header': `GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n${smuggled}`,
    'a space before the colon': `GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n${smuggled}`,
    'bare line feeds': `GET /livez HTTP/1.1\nHost: x\n\n${smuggled}`,
    'a PROXY line': `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n`,
    'a chunk size that is none': `${post('Host: x', 'Transfer-Encoding: chunked')}5;\n{"a":\r\nzz\r\n\r\n${smuggled}`,
  }
  for (const [name, bytes] of Object.entries(vectors)) {
    expect([name, statuses(await raw(server.port, bytes))]).toEqual([name, [400]])
  }
  expect(server.lines.filter(({ status }) => status === 200)).toEqual([])
})

test('threat 27: no spelling of a path gets past authentication', async () => {
  const host = new Hono()
  host.use('/mine/*', userScope({ identify: auth }))
  host.all('*', (c) => {
    try {
      return c.text(`the secret of ${currentScope().owner.userId}`)
    } catch {
      return c.text('nobody', 403)
    }
  })
  const server = await serve({ host })
  const spellings = [
    '/mine/x',
    '/MINE/x',
    '//mine/x',
    '/mine//x',
    '/mine%2fx',
    '/%6dine/x',
    '/mine;a=b/x',
    '/./mine/x',
    '/a/../mine/x',
    '/mine\\x',
    '/mine/x%00',
    '/v1/runs',
    '//v1/runs',
    '/V1/runs',
    '/v1%2fruns',
    '/v1/runs/',
    '/v1/../v1/runs',
    '/v1/runs;a',
    '/v1/%72uns',
    '/v1\\runs',
    'http://x/v1/runs',
    '/v1/inspect',
    '/inspect',
  ]
  for (const path of spellings) {
    const answer = await raw(
      server.port,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    )
    const [status] = statuses(answer)
    expect([path, [400, 401, 403, 404].includes(status ?? 0)]).toEqual([path, true])
    expect(answer).not.toContain('the secret of')
  }
})

test('threat 27: an id with a slash in it names no other route', async () => {
  const agents = new AgentRegistry()
    .register(
      defineAgent({ name: 'a', input: z.object({}), output: z.object({}), run: () => ({}) }),
    )
    .freeze()
  const server = await serve({ engine: createExecutionEngine({ agents }) })
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('a', {})
  for (const id of [
    `${runId}%2fevents`,
    `..%2f${runId}`,
    `${runId}%00`,
    `x/../${runId}`.replaceAll('/', '%2f'),
  ]) {
    expect([id, (await alice.request(`/v1/runs/${id}`)).status]).toEqual([id, 404])
  }
})
