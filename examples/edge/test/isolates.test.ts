import { readFile } from 'node:fs/promises'
import { request as nodeRequest } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { all, sseEvents, until } from '../../../packages/server/test/support/client.ts'
import { proxies, startProxy } from '../../../packages/server/test/support/proxy-process.ts'
import { createIsolate } from '../src/isolate.ts'
import {
  buildWorker,
  type IsolateProcess,
  isMissing,
  removeFolder,
  startIsolate,
} from './isolate-process.ts'

const skipped = isMissing !== undefined
const note = skipped ? `skipped: ${isMissing}: ` : ''
const started = z.object({ runId: z.string() })
const run = z.object({
  status: z.string(),
  // Without the proxy an isolate is told of no address.
  result: z
    .object({ text: z.string(), userId: z.string(), address: z.string().optional() })
    .optional(),
})
const openapi = z.object({ paths: z.record(z.string(), z.unknown()) })
const problem = z.object({ status: z.int(), code: z.string(), detail: z.string().optional() })

let folder: string | undefined
beforeAll(async () => {
  if (!skipped) folder = await buildWorker()
})
afterAll(async () => {
  if (folder !== undefined) await removeFolder(folder)
})

interface Edge {
  readonly url: string
  readonly port: number
  readonly isolates: readonly IsolateProcess[]
  /** A token for a user. No two are the same, so that nginx may give each to another isolate. */
  readonly tokenFor: (userId: string) => Promise<string>
}

/** Two isolates behind nginx, with the example's own configurations. */
async function open(): Promise<Edge> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const [issuer, audience] = ['https://issuer.test', 'agents']
  const bindings = {
    ISSUER: issuer,
    AUDIENCE: audience,
    PUBLIC_KEY: JSON.stringify(await exportJWK(publicKey)),
  }
  const isolates = [
    await startIsolate(folder ?? '', bindings),
    await startIsolate(folder ?? '', bindings),
  ]
  const nginx = proxies.find(({ name }) => name === 'nginx')
  if (nginx === undefined) throw new Error('There is no nginx')
  const configuration = await readFile(new URL('../nginx.conf', import.meta.url), 'utf8')
  const ports = isolates.map((isolate) => isolate.port)
  const port = await startProxy(nginx, ports, () => configuration)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    isolates,
    tokenFor: (userId) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime('5 minutes')
        .sign(privateKey),
  }
}

function call(
  url: string,
  token: string,
  { headers, ...init }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Response> {
  return fetch(url, { ...init, headers: { authorization: `Bearer ${token}`, ...headers } })
}

function post(
  url: string,
  token: string,
  input: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return call(`${url}/v1/agents/letter/runs`, token, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ input }),
  })
}

const streamed = { accept: 'text/event-stream' }

async function start(url: string, token: string, input: object): Promise<string> {
  const response = await post(url, token, input)
  expect(response.status).toBe(202)
  return started.parse(await response.json()).runId
}

/** What reading the run says once it has ended. */
async function ended(url: string, token: string, runId: string): Promise<string> {
  let body = ''
  await expect
    .poll(
      async () => {
        body = await (await call(`${url}/v1/runs/${runId}`, token)).text()
        return run.parse(JSON.parse(body)).status
      },
      { timeout: 30_000 },
    )
    .not.toMatch(/queued|running/)
  return body
}

/** The ways to ask for a run, each with what is refused. */
async function refusals(url: string, token: string, runId: string): Promise<string[]> {
  const headers = { 'x-request-id': 'asked' }
  const answers = await Promise.all([
    call(`${url}/v1/runs/${runId}`, token, { headers }),
    call(`${url}/v1/runs/${runId}/events`, token, { headers }),
    call(`${url}/v1/runs/${runId}/cancel`, token, { headers, method: 'POST' }),
    call(`${url}/v1/runs/${runId}`, token, { headers, method: 'HEAD' }),
  ])
  return Promise.all(
    answers.map(
      async (answer) => `${answer.status} ${(await answer.text()).replaceAll(runId, '')}`,
    ),
  )
}

test.skipIf(skipped)(
  `${note}users at once, as JSON and as streams: each gets what is their own, and nothing of another`,
  async () => {
    const { url, tokenFor } = await open()
    const stories = Array.from({ length: 12 }, async (_value, index) => {
      const userId = `user-${index % 4}`
      const canary = `canary-${userId}-${crypto.randomUUID()}`
      const token = await tokenFor(userId)
      // Whoever starts first finishes last.
      const input = { text: `${canary} ${canary}`, pauseMs: 240 - 20 * index }
      const body =
        index % 3 === 0
          ? await ended(url, token, await start(url, token, input))
          : await (await post(url, token, input, streamed)).text()
      return { canary, userId, body }
    })
    const told = await Promise.all(stories)
    for (const { canary, userId, body } of told) {
      const end = body.slice(Math.max(0, body.lastIndexOf('event: agent_completed')))
      expect(end).toContain(`"result":{"text":"${canary} ${canary}","userId":"${userId}"`)
      expect(told.filter((other) => other.body.includes(canary))).toHaveLength(1)
    }
  },
)

test.skipIf(skipped)(
  `${note}events come one by one through nginx, and another request can end the run`,
  async () => {
    const { url, tokenFor } = await open()
    const token = await tokenFor('alice')
    const response = await post(url, token, { text: 'a b c d e f', pauseMs: 5_000 }, streamed)
    const events = sseEvents(response)
    // Were anything on the way to wait for more, the run would have ended by now.
    const { event } = await until(events, 'agent_text')
    const cancelled = await call(`${url}/v1/runs/${event.runId}/cancel`, token, { method: 'POST' })
    expect(run.parse(await cancelled.json()).status).toBe('cancelled')
    expect((await all(events)).at(-1)?.event.type).toBe('agent_cancelled')
  },
)

test.skipIf(skipped)(
  `${note}a run goes on when its client leaves, and is resumed after the last event`,
  async () => {
    const { url, tokenFor } = await open()
    const token = await tokenFor('alice')
    const response = await post(url, token, { text: 'a b c', pauseMs: 100 }, streamed)
    const events = sseEvents(response)
    const { event, id = '' } = await until(events, 'agent_text')
    await events.return()
    const headers = { 'last-event-id': id }
    const rest = await all(
      sseEvents(await call(`${url}/v1/runs/${event.runId}/events`, token, { headers })),
    )
    expect(rest.map((each) => each.event.type)).toEqual([
      'agent_text',
      'agent_text',
      'agent_completed',
    ])
  },
)

test.skipIf(skipped)(`${note}a foreign run is a missing one, in every isolate`, async () => {
  const { url, isolates, tokenFor } = await open()
  const [alice, bob] = [await tokenFor('alice'), await tokenFor('bob')]
  const runId = await start(url, alice, { text: 'canary', pauseMs: 5_000 })
  const none = crypto.randomUUID()
  // Straight to each as well: nginx may take Bob where Alice's run is not.
  for (const each of [url, ...isolates.map(({ port }) => `http://127.0.0.1:${port}`)]) {
    const foreign = await refusals(each, bob, runId)
    expect(foreign.map((answer) => answer.slice(0, 3))).toEqual(['404', '404', '404', '404'])
    expect(foreign).toEqual(await refusals(each, bob, none))
  }
  expect((await call(`${url}/v1/runs/${runId}`, alice)).status).toBe(200)
})

test.skipIf(skipped)(
  `${note}a run of one isolate, asked of the other, is refused, and it is said why`,
  async () => {
    const { isolates, tokenFor } = await open()
    const alice = await tokenFor('alice')
    const [one, other] = isolates.map(({ port }) => `http://127.0.0.1:${port}`)
    const runId = await start(one ?? '', alice, { text: 'a' })
    const response = await call(`${other}/v1/runs/${runId}/events`, alice)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(problem.parse(await response.json())).toEqual({
      status: 404,
      code: 'run_not_found',
      detail: expect.stringContaining('One that another isolate started cannot be read'),
    })
    expect(await refusals(other ?? '', alice, runId)).toEqual(
      await refusals(other ?? '', alice, crypto.randomUUID()),
    )
    await ended(one ?? '', alice, runId)
  },
)

test.skipIf(skipped)(
  `${note}nginx takes a token to the isolate of its runs, and another one to either`,
  async () => {
    const { url, tokenFor } = await open()
    const alice = await tokenFor('alice')
    const runId = await start(url, alice, { text: 'a' })
    await ended(url, alice, runId)
    const statuses = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const response = await call(`${url}/v1/runs/${runId}`, await tokenFor('alice'))
        return response.status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([200, 404]))
  },
)

test.skipIf(skipped)(`${note}a forged X-Forwarded-For is not believed`, async () => {
  const { url, port, tokenFor } = await open()
  const token = await tokenFor('alice')
  const body = JSON.stringify({ input: { text: 'a' } })
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = nodeRequest(
      {
        host: '127.0.0.1',
        port,
        localAddress: '127.0.0.2',
        method: 'POST',
        path: '/v1/agents/letter/runs',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'x-forwarded-for': '203.0.113.7, 203.0.113.8',
          'x-real-ip': '203.0.113.7',
          forwarded: 'for=203.0.113.7',
        },
      },
      (response) => {
        let text = ''
        response.on('data', (data) => (text += String(data)))
        response.once('end', () => resolve(text))
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
  const { runId } = started.parse(JSON.parse(answer))
  const { result } = run.parse(JSON.parse(await ended(url, token, runId)))
  expect(result?.address).toBe('127.0.0.2')
})

test.skipIf(skipped)(`${note}who is nobody, or somebody by another's key, is 401`, async () => {
  const [mine, other] = [await open(), await open()]
  const foreign = await call(`${mine.url}/v1/agents`, await other.tokenFor('alice'))
  expect([foreign.status, (await fetch(`${mine.url}/v1/agents`)).status]).toEqual([401, 401])
})

test.skipIf(skipped)(`${note}what no isolate can do is refused, and it is said why`, async () => {
  const { url, port, isolates, tokenFor } = await open()
  const token = await tokenFor('alice')
  const asked = [
    ['GET', '/v1/ws'],
    ['POST', '/v1/tickets'],
    ['POST', '/v1/chat'],
    ['GET', '/v1/chat/some/stream'],
    ['POST', '/v1/ag-ui/letter'],
    ['GET', '/v1/threads'],
    ['GET', '/v1/approvals'],
    ['GET', '/v1/runs'],
    ['GET', '/metrics'],
  ] as const
  for (const [method, path] of asked) {
    const response = await call(`${url}${path}`, token, { method })
    expect([path, response.headers.get('content-type')]).toEqual([path, 'application/problem+json'])
    expect(problem.parse(await response.json())).toEqual({
      status: 501,
      code: 'not_in_an_isolate',
      detail: expect.any(String),
    })
  }
  const document = openapi.parse(await (await call(`${url}/openapi.json`, token)).json())
  expect(Object.keys(document.paths).toSorted()).toEqual([
    '/livez',
    '/openapi.json',
    '/readyz',
    '/v1/agents',
    '/v1/agents/{name}/runs',
    '/v1/runs/{id}',
    '/v1/runs/{id}/cancel',
    '/v1/runs/{id}/events',
  ])
  const once = await post(url, token, { text: 'a' }, { 'idempotency-key': 'k' })
  expect([once.status, problem.parse(await once.json()).code]).toEqual([501, 'not_in_an_isolate'])
  for (const each of [port, ...isolates.map((isolate) => isolate.port)]) {
    expect(await upgradeStatus(each, token)).toBe(501)
  }
})

test.skipIf(skipped)(
  `${note}an isolate that is told to end finishes what it answers, and takes nothing new`,
  async () => {
    const { url, isolates, tokenFor } = await open()
    const token = await tokenFor('alice')
    const events = sseEvents(await post(url, token, { text: 'a b c', pauseMs: 200 }, streamed))
    await until(events, 'agent_text')
    const codes = Promise.all(isolates.map((isolate) => isolate.end()))
    expect((await all(events)).at(-1)?.event.type).toBe('agent_completed')
    expect(await codes).toEqual([0, 0])
    expect((await call(`${url}/v1/agents`, token)).status).toBe(502)
  },
)

test('an isolate takes no private key, and no secret', async () => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  for (const key of [await exportJWK(privateKey), { kty: 'oct', k: 'c2VjcmV0' }]) {
    const bindings = { ISSUER: 'https://i.test', AUDIENCE: 'a', PUBLIC_KEY: JSON.stringify(key) }
    expect(() => createIsolate(bindings)).toThrow('is not the public half')
  }
})

/** What a WebSocket's handshake is answered with. */
function upgradeStatus(port: number, token: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = nodeRequest(
      {
        host: '127.0.0.1',
        port,
        path: '/v1/ws',
        headers: {
          authorization: `Bearer ${token}`,
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        },
      },
      (response) => {
        response.resume()
        resolve(response.statusCode)
      },
    )
    sent.once('error', reject)
    sent.end()
  })
}
