import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { routes } from '../src/routes/routes.ts'
import type { Route } from '../src/handler/route.ts'
import { Gates, testEngine } from './support/agents.ts'
import { PlainClient, type PlainRequest } from './support/plain-client.ts'
import { pick, seeded } from './support/random.ts'
import { serve } from './support/serve.ts'
import { tokenFor } from './support/tokens.ts'
import { waiting } from './support/waiting.ts'

const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)
const requests = Number(process.env['RINGFENCE_FUZZ_REQUESTS'] ?? 3_000)

const nasty = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  '../..',
  '%00',
  '%ff',
  'a\u0000b',
  '\ud800',
  '💥',
  'x'.repeat(300),
  "' or 1=1 --",
  '<script>',
  '${7*7}',
  '{{7*7}}',
  '\u202e',
  'NaN',
  'true',
  '[]',
  '2147483648',
]

/** What can be sent in UTF-8. */
const wellFormed = (text: string): string => Buffer.from(text).toString()

/** Values of every kind, nested now and then. */
function anything(random: () => number, depth: number = 0): unknown {
  const choice = random()
  if (choice < 0.35) return pick(random, nasty)
  if (choice < 0.5) return (random() - 0.5) * 10 ** Math.floor(random() * 20)
  if (choice < 0.6) return pick(random, [true, false, null])
  if (depth > 3) return 0
  if (choice < 0.8)
    return Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth + 1))
  return Object.fromEntries(
    Array.from({ length: Math.floor(random() * 4) }, () => [
      pick(random, nasty),
      anything(random, depth + 1),
    ]),
  )
}

interface Fuzzed extends PlainRequest {
  readonly route: string
}

/** A request that fits its route, or, one time in four, does not in some way. */
function requestFor(random: () => number, token: string, known: readonly string[]): Fuzzed {
  const route: Route = pick(random, routes)
  const wrong = random() < 0.25
  const id = (): string => {
    if (wrong) return encodeURIComponent(wellFormed(pick(random, nasty))) || 'x'
    return known.length > 0 && random() < 0.8 ? pick(random, known) : crypto.randomUUID()
  }
  const path = route.path.replace(':name', () => (wrong ? id() : 'echo')).replaceAll(/:\w+/g, id)
  const query =
    wrong && random() < 0.5
      ? `?${encodeURIComponent(wellFormed(pick(random, nasty)))}=${encodeURIComponent(wellFormed(pick(random, nasty)))}`
      : ''
  const headers: Record<string, string> = { authorization: `Bearer ${token}` }
  if (wrong && random() < 0.2)
    headers['authorization'] = pick(random, ['Bearer', 'Basic x', `Bearer ${token}x`])
  if (wrong && random() < 0.2)
    headers['last-event-id'] = pick(random, ['x', '-1', `${id()}:999999`, ':'])
  if (wrong && random() < 0.2) headers['idempotency-key'] = pick(random, ['"', 'a b', '"k"', '""'])
  if (random() < 0.2) headers['accept'] = pick(random, ['text/event-stream', '*/*', 'text/html'])
  if (route.method === 'GET')
    return { route: route.path, method: route.method, path: path + query, headers }
  headers['content-type'] = wrong && random() < 0.2 ? 'text/plain' : 'application/json'
  const fitting = bodyOf(route, random)
  const body = wrong
    ? pick(random, [
        JSON.stringify(anything(random)),
        JSON.stringify({ ...fitting, extra: anything(random) }),
        '{',
        '',
      ])
    : JSON.stringify(fitting)
  return { route: route.path, method: route.method, path: path + query, headers, body }
}

function bodyOf({ path }: Route, random: () => number): object {
  if (path.endsWith('/runs')) return { input: { text: wellFormed(pick(random, nasty)) } }
  if (path === '/v1/tickets') return { purpose: pick(random, ['socket', 'stream']) }
  if (path === '/v1/chat') {
    const parts = [{ type: 'text', text: 'hello' }]
    return {
      id: crypto.randomUUID(),
      agent: 'echo',
      trigger: 'submit-message',
      messages: [{ id: crypto.randomUUID(), role: 'user', parts }],
    }
  }
  return {}
}

/** What says that a request was not let in, or did not fit its schema. */
const early = new Set([400, 401, 405, 413, 415, 422])

test(
  `no answer is a 500, whatever is asked of whichever route, and most of what is asked gets past its schema (RINGFENCE_TEST_SEED=${seed})`,
  async () => {
    const many = 1_000_000_000
    const server = await serve({
      engine: testEngine(new Gates(), { ownerQueue: 1_000, queue: 10_000 }),
      limits: {
        requestsPerMinute: many,
        runsPerMinute: many,
        ticketsPerOwner: 1_000,
        tickets: 1_000_000,
        frameBytes: 100_000,
      },
    })
    const random = seeded(seed)
    const statuses = new Map<number, number>()
    const hit = new Set<string>()
    const failures: unknown[] = []
    await Promise.all(
      Array.from({ length: 10 }, async (_value, user) => {
        const client = new PlainClient(server.port)
        const token = await tokenFor(`user-${user}`)
        const known: string[] = []
        for (let turn = 0; turn < requests / 10; turn += 1) {
          const request = requestFor(random, token, known)
          const { status, body } = await client.send(request)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          hit.add(request.route)
          if (status === 500) failures.push(request)
          const runId = /"runId":"([\da-f-]{36})"/.exec(body)?.[1]
          if (runId !== undefined && known.push(runId) > 50) known.shift()
        }
        client.close()
      }),
    )
    expect(failures).toEqual([])
    expect(server.lines.filter(({ msg }) => msg === 'request failed')).toEqual([])
    const past = [...statuses]
      .filter(([status]) => !early.has(status))
      .reduce((sum, [, count]) => sum + count, 0)
    expect(past / requests).toBeGreaterThanOrEqual(0.6)
    expect(hit).toEqual(new Set(routes.map(({ path }) => path)))
    await expect.poll(() => inspect().openScopes, waiting).toBe(0)
  },
  6 * 3_600_000,
)

test(`no frame is an internal error of a socket, whatever is in it (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const many = 1_000_000_000
  const server = await serve({ limits: { requestsPerMinute: many, runsPerMinute: many } })
  const random = seeded(seed + 1)
  const headers = { authorization: `Bearer ${await tokenFor('alice')}` }
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, { headers })
  await new Promise((resolve) => socket.once('open', resolve))
  const codes = new Set<string>()
  const pong = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      const code = /^\{"type":"error".*"code":"(\w+)"/.exec(text)?.[1]
      if (code !== undefined) codes.add(code)
      if (text.includes('"the last"')) resolve()
    })
  })
  for (let index = 0; index < 500; index += 1) {
    const type = pick(random, ['start', 'follow', 'cancel', 'ping', 'event', anything(random)])
    const frame =
      random() < 0.3
        ? anything(random)
        : {
            type,
            id: `f${index}`,
            agent: 'echo',
            runId: pick(random, nasty),
            input: anything(random),
            after: anything(random),
          }
    socket.send(random() < 0.1 ? '{"' : JSON.stringify(frame))
  }
  socket.send('{"type":"ping","id":"the last"}')
  await pong
  socket.terminate()
  expect(codes.size).toBeGreaterThanOrEqual(3)
  expect(codes).not.toContain('internal_error')
})
