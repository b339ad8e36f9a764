import { createHandler } from '@ringfence/server'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { BodyBudget } from '../src/body/body-budget.ts'
import { resolveLimits } from '../src/handler/limits.ts'
import { testEngine } from './support/agents.ts'
import { Client, json } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'
import { auth } from './support/tokens.ts'
import { waiting } from './support/waiting.ts'

const run = '/v1/agents/measure/runs'
const bodyBytes = 1024 * 1024
const half = 'x'.repeat(700_000)

/** An upload that has sent a part of its body and does not go on. `answer` is what came back so far. */
class Upload {
  readonly socket: Socket
  answer = ''

  constructor(server: TestServer, token: string, framing: string, part: string) {
    this.socket = connect(server.port, '127.0.0.1')
    this.socket.on('data', (data) => {
      this.answer += String(data)
    })
    this.socket.on('error', () => undefined)
    onTestFinished(() => void this.socket.destroy())
    this.socket.write(
      `POST ${run} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
        `Content-Type: application/json\r\n${framing}\r\n\r\n${part}`,
    )
  }

  get status(): number {
    return Number(/^HTTP\/1.1 (\d+)/.exec(this.answer)?.[1] ?? 0)
  }
}

const declared = (server: TestServer, token: string): Upload =>
  new Upload(server, token, 'Content-Length: 1000000', half)
const chunked = (server: TestServer, token: string): Upload =>
  new Upload(
    server,
    token,
    'Transfer-Encoding: chunked',
    `${half.length.toString(16)}\r\n${half}\r\n`,
  )

const count = (uploads: readonly Upload[], status: number): number =>
  uploads.filter((upload) => upload.status === status).length

test.each([
  ['with a length', declared],
  ['in chunks', chunked],
])("one owner's half-sent uploads %s are bounded, and nobody else's", async (_name, upload) => {
  const server = await serve({ limits: { bodyBytes } })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const uploads = Array.from({ length: 30 }, () => upload(server, alice.token))
  // Two of them fit into 2 MiB; a third one may have failed in part and made room.
  await expect.poll(() => count(uploads, 429), waiting).toBeGreaterThanOrEqual(27)
  const refused = uploads.find(({ status }) => status === 429)
  expect(refused?.answer).toMatch(/retry-after: [1-9]/i)
  expect(refused?.answer).toContain('"code":"owner_uploads_full"')
  expect(count(uploads, 0)).toBeGreaterThanOrEqual(1)
  expect((await bob.post(run, { input: { log: half } })).status).toBe(202)
  for (const { socket } of uploads) socket.destroy()
  await expect
    .poll(async () => (await alice.post(run, { input: { log: half } })).status, waiting)
    .toBe(202)
})

test('all uploads together are bounded: 503, and room again when they have ended', async () => {
  const server = await serve({ limits: { bodyBytes, bodyBytesInFlight: 2 * bodyBytes } })
  const clients = await Promise.all(
    Array.from({ length: 12 }, (_value, index) => Client.of(server, `user-${index}`)),
  )
  const uploads = clients.map(({ token }) => declared(server, token))
  await expect.poll(() => count(uploads, 503), waiting).toBeGreaterThanOrEqual(9)
  expect(count(uploads, 429)).toBe(0)
  const refused = uploads.find(({ status }) => status === 503)
  expect(refused?.answer).toMatch(/retry-after: [1-9]/i)
  expect(refused?.answer).toContain('"code":"uploads_full"')
  for (const { socket } of uploads) socket.destroy()
  await expect
    .poll(async () => (await clients[0]?.post(run, { input: { log: half } }))?.status, waiting)
    .toBe(202)
})

test('a length that is only announced holds nothing', async () => {
  const server = await serve({ limits: { bodyBytes, ownerBodyBytes: bodyBytes } })
  const alice = await Client.of(server, 'alice')
  const announced = Array.from(
    { length: 20 },
    () => new Upload(server, alice.token, 'Content-Length: 1000000', '{'),
  )
  expect((await alice.post(run, { input: { log: half } })).status).toBe(202)
  expect(count(announced, 0)).toBe(20)
})

test('bodies that were read, refused or broken hold nothing afterwards', async () => {
  const server = await serve({ limits: { bodyBytes, ownerBodyBytes: bodyBytes } })
  const alice = await Client.of(server, 'alice')
  for (let turn = 0; turn < 4; turn += 1) {
    const answers = [
      await alice.post(run, { input: { log: half } }),
      await alice.post(run, { input: half }),
      await alice.post(run, { input: { log: 'x'.repeat(2 * bodyBytes) } }),
      await alice.request(run, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{${half}`,
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([202, 422, 413, 400])
  }
})

test('a body whose request is aborted gives back what it holds, on a runtime that does not end it', async () => {
  const limits = { bodyBytes, ownerBodyBytes: bodyBytes }
  const handler = createHandler({ engine: testEngine(), auth, limits })
  const served = {
    url: 'https://agents.test',
    fetch: async (url: string, init?: RequestInit) => handler(new Request(url, init)),
  }
  const alice = await Client.of(served, 'alice')
  const leaving = new AbortController()
  let asked: () => void = () => undefined
  const asking = new Promise<void>((resolve) => {
    asked = resolve
  })
  let sent = false
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!sent) {
        sent = true
        controller.enqueue(new TextEncoder().encode(half))
        return undefined
      }
      asked()
      return new Promise(() => undefined)
    },
  })
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    duplex: 'half' as const,
    signal: leaving.signal,
  }
  const answer = alice.request(run, init)
  await asking
  expect(await json(await alice.post(run, { input: { log: half } }))).toMatchObject({
    code: 'owner_uploads_full',
  })
  leaving.abort()
  await answer
  expect((await alice.post(run, { input: { log: half } })).status).toBe(202)
})

test('the budget counts each owner, all owners, and what is given back', () => {
  const budget = new BodyBudget(
    resolveLimits({ bodyBytes: 10, ownerBodyBytes: 20, bodyBytesInFlight: 30 }),
  )
  const [one, two, three] = [budget.hold('a'), budget.hold('a'), budget.hold('b')]
  one.take(10)
  two.take(10)
  expect(() => two.take(1)).toThrow('Your unfinished uploads')
  three.take(10)
  expect(() => budget.hold('c').take(1)).toThrow('All unfinished uploads')
  one.release()
  one.release()
  expect(budget.held).toBe(20)
  two.take(10)
  two.release()
  three.release()
  expect(budget.held).toBe(0)
})
