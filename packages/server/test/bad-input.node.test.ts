import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { testEngine, Gates } from './support/agents.ts'
import { Client, json } from './support/client.ts'
import { hold, raw, statuses as statusesOf } from './support/raw.ts'
import { waiting } from './support/waiting.ts'
import { serve, type TestServer } from './support/serve.ts'

interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly instance: string
  readonly code: string
  readonly requestId: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

async function problem(response: Response): Promise<ProblemBody> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body = await json<ProblemBody>(response)
  expect(body).toMatchObject({
    type: `urn:ringfence:problem:${body.code}`,
    status: response.status,
    instance: `urn:uuid:${body.requestId}`,
  })
  expect(body.title).not.toBe('')
  expect(response.headers.get('x-request-id')).toBe(body.requestId)
  return body
}

async function open(limits = {}): Promise<{ server: TestServer; alice: Client }> {
  const server = await serve({ limits })
  return { server, alice: await Client.of(server, 'alice') }
}

const run = '/v1/agents/echo/runs'

/** A body that does not say how long it is. */
function streamed(headers: Record<string, string>, body: string): RequestInit {
  const init = { method: 'POST', headers, body: new Blob([body]).stream(), duplex: 'half' as const }
  return init
}

test('no token is 401 with a challenge that names no error', async () => {
  const { server } = await open()
  const response = await fetch(`${server.url}/v1/agents`)
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe('Bearer realm="ringfence"')
  expect((await problem(response)).code).toBe('unauthenticated')
})

test.each(['Bearer nonsense', 'Bearer', 'bearer a b', 'Bearer ä'])(
  'the credentials "%s" are 401 invalid_token',
  async (authorization) => {
    const { alice } = await open()
    const value = Buffer.from(authorization).toString('latin1')
    const response = await alice.request('/v1/agents', { headers: { authorization: value } })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect((await problem(response)).code).toBe('invalid_token')
  },
)

test('credentials of another scheme are no credentials', async () => {
  const { alice } = await open()
  const response = await alice.request('/v1/agents', { headers: { authorization: 'Basic YTpi' } })
  expect((await problem(response)).code).toBe('unauthenticated')
})

test('an unknown agent is 404', async () => {
  const { alice } = await open()
  const response = await alice.post('/v1/agents/nobody/runs', { input: {} })
  expect(response.status).toBe(404)
  expect((await problem(response)).code).toBe('agent_not_found')
})

test('an unknown route is 404', async () => {
  const { alice } = await open()
  for (const path of [
    '/',
    '/v2/agents',
    '/v1/agents/',
    '//v1/agents',
    '/V1/agents',
    '/demo/tokens',
  ]) {
    const response = await alice.request(path)
    expect([path, response.status]).toEqual([path, 404])
    expect((await problem(response)).code).toBe('route_not_found')
  }
})

test.each([
  ['DELETE', '/v1/agents', 'GET, HEAD'],
  ['PUT', '/v1/runs/x', 'GET, HEAD'],
  ['GET', '/v1/tickets', 'POST'],
  ['GET', '/v1/agents/echo/runs', 'POST'],
  ['POST', '/livez', 'GET, HEAD'],
])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
  const { alice } = await open()
  const response = await alice.request(path, { method })
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe(allow)
  expect((await problem(response)).code).toBe('method_not_allowed')
})

test.each([
  ['input.text', { input: { text: 3 } }],
  ['input', { input: 'text' }],
  ['input', {}],
  ['threadId', { input: { text: 'a' }, threadId: 7 }],
  ['threadId', { input: { text: 'a' }, threadId: 'a\u0007' }],
  ['threadId', { input: { text: 'a' }, threadId: 'half \ud800' }],
  ['threadId', { input: { text: 'a' }, threadId: '  ' }],
  ['onDisconnect', { input: { text: 'a' }, onDisconnect: 'explode' }],
  ['onDisconnect', { input: { text: 'a' }, onDisconnect: 'cancel' }],
  ['', { input: { text: 'a' }, surprise: 1 }],
  ['', ['input']],
])('a body that is wrong at "%s" is 422 with the path', async (path, body) => {
  const { alice } = await open()
  const response = await alice.post(run, body)
  expect(response.status).toBe(422)
  const { code, errors } = await problem(response)
  expect(code).toBe('invalid_input')
  expect(errors?.map((issue) => issue.path)).toContain(path)
})

test.each(['{', '', '{"input":{"text":"a"}}x', '\u0000', '{"input":undefined}'])(
  'the body %j is 400 malformed_json',
  async (body) => {
    const { alice } = await open()
    const headers = { 'content-type': 'application/json' }
    const response = await alice.request(run, { method: 'POST', headers, body })
    expect(response.status).toBe(400)
    expect((await problem(response)).code).toBe('malformed_json')
  },
)

test('a body that is not UTF-8 is 400', async () => {
  const { alice } = await open()
  const body = Buffer.from('{"input":{"text":"\xff"}}', 'latin1')
  const headers = { 'content-type': 'application/json' }
  const response = await alice.request(run, { method: 'POST', headers, body })
  expect((await problem(response)).code).toBe('malformed_json')
})

test('JSON nested too deeply is 400, and 200,000 levels do no harm', async () => {
  const { alice } = await open()
  const headers = { 'content-type': 'application/json' }
  for (const depth of [65, 200_000]) {
    const body = `${'['.repeat(depth)}${']'.repeat(depth)}`
    const response = await alice.request(run, { method: 'POST', headers, body })
    expect(response.status).toBe(400)
    expect((await problem(response)).code).toBe('json_too_deep')
  }
})

test('a key named __proto__ is 400 wherever it stands', async () => {
  const { alice } = await open()
  const headers = { 'content-type': 'application/json' }
  for (const body of [
    '{"__proto__":{"admin":true},"input":{"text":"a"}}',
    '{"input":{"text":"a","deep":[{"__proto__":1}]}}',
  ]) {
    const response = await alice.request(run, { method: 'POST', headers, body })
    expect((await problem(response)).code).toBe('unsafe_key')
  }
})

test.each([
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-type': 'application/json; charset=latin1' },
  { 'content-type': 'application/jsonp' },
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
])('a body with the headers %j is 415', async (headers) => {
  const { alice } = await open()
  const response = await alice.request(run, { method: 'POST', headers, body: '{"input":{}}' })
  expect(response.status).toBe(415)
  expect((await problem(response)).code).toBe('unsupported_media_type')
})

test.each(['application/json;charset="UTF-8"', 'application/vnd.api+json'])(
  'a body of the type %s is read',
  async (type) => {
    const { alice } = await open()
    const headers = { 'content-type': type }
    const body = '{"input":{"text":"a"}}'
    expect((await alice.request(run, { method: 'POST', headers, body })).status).toBe(202)
  },
)

test.each([
  { input: { text: 'a' }, userId: 'bob' },
  { input: { text: 'a' }, user_id: 'bob' },
  { input: { text: 'a' }, tenantId: 'acme' },
  { input: { text: 'a' }, Owner: 'bob' },
  { input: { text: 'a' }, 'user.id': 'bob' },
])('a body that names a user is 400: %j', async (body) => {
  const { alice } = await open()
  const response = await alice.post(run, body)
  expect(response.status).toBe(400)
  expect((await problem(response)).code).toBe('user_field_refused')
})

test('a user in the input is the business of the agent', async () => {
  const { alice } = await open()
  const response = await alice.post(run, { input: { text: 'a', userId: 'bob' } })
  expect(response.status).toBe(202)
})

// origins: DEP-1 L18 UEC-17
test('a query that names a user is 400, on every route', async () => {
  const { alice } = await open()
  for (const path of ['/v1/agents', '/v1/runs', '/v1/runs/x', '/v1/runs/x/events']) {
    for (const name of ['user-id', 'user%49d', 'user[id]', 'user.id', '%20userId']) {
      const response = await alice.request(`${path}?${name}=bob`)
      expect([path, name, (await problem(response)).code]).toEqual([
        path,
        name,
        'user_field_refused',
      ])
    }
  }
})

// origins: DEP-1 L18 UEC-9
test('no header names a user', async () => {
  const { alice } = await open()
  const headers = { 'x-user-id': 'bob', 'x-tenant-id': 'acme', baggage: 'userId=bob' }
  const response = await alice.post(run, { input: { text: 'a' } }, headers)
  const { runId } = await json<{ runId: string }>(response)
  expect((await alice.story(runId)).at(-1)?.event.userId).toBe('alice')
})

test.each(['limit=0', 'limit=101', 'limit=x', 'limit=1.5', 'before=', 'threadId='])(
  'the query %s is 400',
  async (query) => {
    const { alice } = await open()
    const response = await alice.request(`/v1/runs?${query}`)
    expect(response.status).toBe(400)
    expect((await problem(response)).code).toBe('invalid_query')
  },
)

test.each(['run', 'thread', 'approval'])(
  'a page that begins at no %s is 400, and says what to do',
  async (what) => {
    const { alice } = await open()
    const response = await alice.request(`/v1/${what}s?before=none`)
    expect(response.status).toBe(400)
    expect(await problem(response)).toMatchObject({
      code: 'invalid_cursor',
      detail: `\`before\` is no ${what} of yours that is still kept. Begin again without it.`,
    })
  },
)

test.each([
  ['text/event-stream', 200],
  ['Text/Event-Stream ; charset=utf-8', 200],
  ['application/json, text/event-stream;q=0.5', 200],
  ['text/event-stream;q=0', 202],
  ['application/json, text/event-stream; q=0.000', 202],
  ['*/*', 202],
  ['application/json;profile="text/event-stream"', 202],
])('a run that is asked for with `Accept: %s` is answered with %d', async (accept, status) => {
  const { alice } = await open()
  const response = await alice.post(run, { input: { text: 'a' } }, { accept })
  expect(response.status).toBe(status)
  await response.body?.cancel()
})

test('a body over the limit is 413, whether it says its length or not', async () => {
  const { server, alice } = await open({ bodyBytes: 1_000 })
  const body = JSON.stringify({ input: { text: 'x'.repeat(1_000) } })
  const headers = { 'content-type': 'application/json' }
  const declared = await alice.request(run, { method: 'POST', headers, body })
  expect(declared.status).toBe(413)
  expect((await problem(declared)).code).toBe('body_too_large')
  const chunked = await alice.request(run, streamed(headers, body))
  expect(chunked.status).toBe(413)
  const small = JSON.stringify({ input: { text: 'x' } })
  expect((await alice.request(run, streamed(headers, small))).status).toBe(202)
  expect(server.lines.filter(({ status }) => status === 413)).toHaveLength(2)
})

test('a body that says it is too large is refused before it is sent', async () => {
  const { server, alice } = await open()
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    `POST ${run} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n',
  )
  const answer = await new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data)))
  })
  socket.destroy()
  expect(answer).toMatch(/^HTTP\/1.1 413 /)
})

test('a log of ten million characters is handled within the default limits', async () => {
  const { alice } = await open()
  const runId = await alice.start('measure', { log: 'a'.repeat(10_000_000) })
  expect((await alice.story(runId)).at(-1)?.event).toMatchObject({
    type: 'agent_completed',
    data: { result: { characters: 10_000_000 } },
  })
})

test('a client that leaves while it sends is quiet: no failure, and one line', async () => {
  const { server, alice } = await open()
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    `POST ${run} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"input"',
  )
  const next = await alice.request('/v1/agents')
  expect(next.status).toBe(200)
  socket.destroy()
  await expect
    .poll(() => server.lines.map(({ status, msg }) => [status, msg]), waiting)
    .toEqual([
      [200, 'request'],
      [499, 'request'],
    ])
})

test('a client that leaves before it is known who it is is quiet too', async () => {
  let asked: () => void = () => undefined
  const asking = new Promise<void>((resolve) => {
    asked = resolve
  })
  const server = await serve({
    auth: async ({ request }) => {
      const left = new Promise((resolve) => request.signal.addEventListener('abort', resolve))
      asked()
      await left
      return { userId: 'alice' }
    },
  })
  const leaving = new AbortController()
  const response = fetch(`${server.url}/v1/agents`, { signal: leaving.signal })
  await asking
  leaving.abort()
  await expect(response).rejects.toThrow('aborted')
  await expect
    .poll(() => server.lines.map(({ status, msg }) => [status, msg]), waiting)
    .toEqual([[499, 'request']])
})

test('too many waiting runs of one user are 429, of all users 503, each with Retry-After', async () => {
  const limits = { ownerConcurrency: 1, concurrency: 1, ownerQueue: 1, queue: 2 }
  const gates = new Gates()
  const server = await serve({ engine: testEngine(gates, limits) })
  const [alice, bob, carol] = await Promise.all(
    ['alice', 'bob', 'carol'].map((userId) => Client.of(server, userId)),
  )
  const start = (client: Client | undefined): Promise<Response> =>
    client?.post('/v1/agents/gated/runs', { input: { gate: 'g' } }) ?? Promise.reject(new Error())
  const statuses = []
  for (const client of [alice, alice, alice, bob, carol]) {
    const response = await start(client)
    statuses.push(response.status)
    if (response.status === 202) continue
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(['owner_queue_full', 'queue_full']).toContain((await problem(response)).code)
  }
  expect(statuses).toEqual([202, 202, 429, 202, 503])
})

// origins: DMO-4
test('a failure of the server is 500 with the request id, and not a word of what happened', async () => {
  const errors: unknown[] = []
  const server = await serve({
    auth: () => {
      throw new Error('secret-of-the-database')
    },
    onError: (error, { requestId }) => errors.push([error, requestId]),
  })
  const response = await fetch(`${server.url}/v1/agents`)
  expect(response.status).toBe(500)
  const body = await problem(response)
  expect(body.code).toBe('internal_error')
  expect(JSON.stringify([body, server.lines])).not.toContain('secret-of-the-database')
  expect(errors).toEqual([[new Error('secret-of-the-database'), body.requestId]])
  expect(server.lines).toContainEqual(
    expect.objectContaining({ msg: 'request failed', requestId: body.requestId }),
  )
})

test('what is thrown but is no error is a 500 too', async () => {
  const server = await serve({
    auth: () => {
      // oxlint-disable-next-line typescript/only-throw-error
      throw 'a string'
    },
  })
  const response = await fetch(`${server.url}/v1/agents`)
  expect((await problem(response)).code).toBe('internal_error')
})

/** The one answer in what came over a connection, as a Response. */
function answerIn(text: string): Response {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const body = text.slice(end + 4)
  expect(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1]).toBe(
    String(body.length),
  )
  return new Response(body, { status: Number(first.split(' ')[1]), headers })
}

const head = 'GET /v1/runs HTTP/1.1\r\nHost: x\r\n'
test.each([
  [400, 'unreadable_request', 'a method that is none', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n'],
  [400, 'unreadable_request', 'TLS', '\x16\x03\x01\x02\x00\r\n\r\n'],
  [400, 'unreadable_request', 'HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  [400, 'unreadable_request', 'two hosts', `${head}Host: y\r\n\r\n`],
  [
    400,
    'unreadable_request',
    'no path',
    'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  ],
  [431, 'headers_too_large', 'a large header', `${head}X-A: ${'a'.repeat(20_000)}\r\n\r\n`],
  [417, 'expectation_failed', 'an expectation', `${head}Expect: wonders\r\n\r\n`],
])('what is no request is %i %s, as a problem: %s', async (status, code, _name, bytes) => {
  const { server } = await open()
  const refused = answerIn(await raw(server.port, bytes))
  expect([refused.status, (await problem(refused)).code]).toEqual([status, code])
})

test('a request that takes too long to arrive is 408, as a problem', async () => {
  const server = await serve({ timeouts: { headersMs: 100, requestMs: 200 } })
  const refused = answerIn(await raw(server.port, head))
  expect([refused.status, (await problem(refused)).code]).toEqual([408, 'request_timeout'])
})

test('what is no request ends a stream that is on its way, and nothing is written into it', async () => {
  const { server, alice } = await open()
  const runId = await alice.start('gated', { gate: 'never' })
  const socket = hold(
    server.port,
    `GET /v1/runs/${runId}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`,
  )
  let text = ''
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('data', (data) => {
    text += String(data)
    if (text.includes('agent_text')) socket.write('FOO / HTTP/1.1\r\n\r\n')
  })
  await closed
  expect(text).toContain('agent_text')
  expect(statusesOf(text)).toEqual([200])
})

test.each(['/v1/ws', '/v1/ws?ticket=none', '/v1/nothing'])(
  'a WebSocket that is refused is told why: %s',
  async (path) => {
    const { server } = await open()
    const handshake =
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    const refused = answerIn(await raw(server.port, handshake))
    const expected = { '/v1/ws': 'unauthenticated', '/v1/ws?ticket=none': 'invalid_ticket' }[path]
    expect((await problem(refused)).code).toBe(expected ?? 'route_not_found')
    expect(refused.headers.get('connection')).toBe('close')
  },
)

test.each(['/v1/runs?limit=1&limit=2', '/v1/threads?before=a&before=b'])(
  'a field that is given twice is 400: %s',
  async (path) => {
    const { alice } = await open()
    const refused = await alice.request(path)
    expect([refused.status, (await problem(refused)).code]).toEqual([400, 'invalid_query'])
  },
)
