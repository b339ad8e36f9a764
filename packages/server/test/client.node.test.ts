import { isDurable, type AgentEvent } from '@ringfence/engine'
import { ApiError, createClient, type AgentClient } from '@ringfence/server/client'
import { expect, test } from 'vitest'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { all } from './support/client.ts'
import { cuttingProxy } from './support/cutting-proxy.ts'
import { serve, type TestServer } from './support/serve.ts'
import { tokenFor } from './support/tokens.ts'

const clientOf = async (server: { readonly url: string }, userId: string): Promise<AgentClient> =>
  createClient({ url: server.url, token: await tokenFor(userId) })

const refusal = async (asked: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (ApiError.is(error)) return error
  throw new Error('It was not refused')
}

const numbers = (events: readonly AgentEvent[]): number[] =>
  events.filter(isDurable).map(({ seq }) => seq)

const start = async (): Promise<{ server: TestServer; gates: Gates; alice: AgentClient }> => {
  const gates = new Gates()
  const server = await serve({ engine: chatEngine(gates) })
  return { server, gates, alice: await clientOf(server, 'alice') }
}

test('starts, follows, reads, lists and cancels runs', async () => {
  const { alice } = await start()
  expect((await alice.agents()).map(({ name }) => name)).toContain('gated')
  const { runId } = await alice.start('gated', { message: 'never' }, { threadId: 't' })
  const seen: AgentEvent[] = []
  for await (const event of alice.follow(runId)) {
    seen.push(event)
    if (event.type === 'agent_text') await alice.cancel(runId)
  }
  expect(seen.at(-1)).toMatchObject({ type: 'agent_cancelled', data: { reason: 'caller' } })
  expect(await alice.run(runId)).toMatchObject({ runId, threadId: 't', status: 'cancelled' })
  expect((await alice.runs({ limit: 5 })).runs.map((run) => run.runId)).toEqual([runId])
  expect(await all(alice.follow(runId, { after: seen.length - 1 }))).toEqual([])
})

test('threads and approvals', async () => {
  const { server, alice } = await start()
  const { runId } = await alice.start('assistant', { message: 'hello' }, { threadId: 'a/b' })
  await all(alice.follow(runId))
  expect((await alice.threads.list()).threads.map(({ threadId }) => threadId)).toEqual(['a/b'])
  expect((await alice.threads.messages('a/b', { limit: 1 })).messages).toMatchObject([
    { role: 'assistant' },
  ])
  await alice.threads.delete('a/b')
  expect((await refusal(alice.threads.get('a/b'))).code).toBe('thread_not_found')
  const careful = await alice.start('careful', { message: 'x' })
  for await (const event of alice.follow(careful.runId)) {
    if (event.type !== 'approval_requested') continue
    const { approvalId } = event.data
    const bob = await clientOf(server, 'bob')
    expect((await refusal(bob.approvals.approve(approvalId))).code).toBe('approval_not_found')
    expect((await alice.approvals.list({ status: 'pending' })).approvals).toHaveLength(1)
    expect(await alice.approvals.approve(approvalId, 'fine')).toMatchObject({ reason: 'fine' })
  }
  expect(await alice.run(careful.runId)).toMatchObject({ result: { text: 'erased x' } })
})

test('a stream that is cut at any byte goes on without a gap and without a repeat', async () => {
  const server = await serve()
  const direct = await clientOf(server, 'alice')
  const { runId } = await direct.start('chatty', { count: 40, size: 20 })
  const whole = numbers(await all(direct.follow(runId)))
  // Each connection lives long enough for the head of the answer and a few events more.
  const proxy = await cuttingProxy(server.port, (connection) => 900 + 137 * connection)
  const cut = createClient({ url: proxy.url, token: await tokenFor('alice') })
  expect(numbers(await all(cut.follow(runId, { delayMs: 1, attempts: 20 })))).toEqual(whole)
  expect(proxy.connections).toBeGreaterThan(3)
})

test('a stream that is cut while the run goes on sees its end', async () => {
  const { server, gates } = await start()
  const proxy = await cuttingProxy(server.port)
  const alice = createClient({ url: proxy.url, token: await tokenFor('alice') })
  const { runId } = await alice.start('gated', { message: 'g' })
  const seen: AgentEvent[] = []
  for await (const event of alice.follow(runId, { delayMs: 1 })) {
    seen.push(event)
    if (event.type !== 'agent_text' || event.data.delta !== 'before') continue
    proxy.cut()
    gates.open('g')
  }
  expect(numbers(seen)).toEqual([0, 1, 2, 3])
  expect(seen.at(-1)?.type).toBe('agent_completed')
})

test('gives up where every connection fails, and says why', async () => {
  const client = createClient({ url: 'http://127.0.0.1:9', token: 'x' })
  const error = await refusal(all(client.follow('run', { delayMs: 1, attempts: 3 })))
  expect([error.code, error.status]).toEqual(['unreachable', undefined])
})

test('asks for a new token where the old one is no longer taken, once for all requests', async () => {
  const { server } = await start()
  const old = await tokenFor('alice', { exp: Math.floor(Date.now() / 1_000) - 600 })
  const tokens = [old, await tokenFor('alice'), 'never asked for']
  let asked = 0
  const alice = createClient({ url: server.url, token: async () => tokens[asked++] ?? '' })
  await Promise.all([alice.runs(), alice.agents(), alice.threads.list()])
  expect(asked).toBe(2)
  const stale = createClient({ url: server.url, token: () => old })
  expect(await refusal(stale.runs())).toMatchObject({ code: 'invalid_token', status: 401 })
})

test('a start whose answer is lost is one run', async () => {
  const { server, alice } = await start()
  let sent = 0
  const losing: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    sent += 1
    if (sent === 1) throw new TypeError('the connection was lost')
    return response
  }
  const client = createClient({ url: server.url, token: await tokenFor('alice'), fetch: losing })
  const { runId } = await client.start('assistant', { message: 'once' })
  expect(sent).toBe(2)
  expect((await alice.runs()).runs.map((run) => run.runId)).toEqual([runId])
})

test('a refusal is typed: code, status, request id and what does not fit', async () => {
  const { alice } = await start()
  const missing = await refusal(alice.run('missing'))
  expect(missing).toMatchObject({ code: 'run_not_found', status: 404 })
  expect(missing.requestId).toMatch(/^[\da-f-]{36}$/)
  const unfit = await refusal(alice.start('gated', {}))
  expect([unfit.code, unfit.errors[0]?.path]).toEqual(['invalid_input', 'input.message'])
  const page = createClient({
    url: 'http://proxy.test',
    fetch: async () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
  })
  expect(await refusal(page.runs())).toMatchObject({ code: 'invalid_answer', status: 502 })
})

test('a signal ends a request and a following with its reason; the run goes on', async () => {
  const { alice } = await start()
  await expect(alice.runs({}, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
  const { runId } = await alice.start('gated', { message: 'g' })
  const leaving = new AbortController()
  const reason = new Error('enough')
  const following = (async () => {
    for await (const event of alice.follow(runId, { signal: leaving.signal })) {
      if (event.type === 'agent_text') leaving.abort(reason)
    }
  })()
  await expect(following).rejects.toBe(reason)
  expect(await alice.run(runId)).toMatchObject({ status: 'running' })
})

test("nothing of Alice's is Bob's to see", async () => {
  const { server, alice } = await start()
  const bob = await clientOf(server, 'bob')
  const { runId } = await alice.start('assistant', { message: 'canary' }, { threadId: 't' })
  await all(alice.follow(runId))
  const refused = await Promise.all(
    [
      bob.run(runId),
      bob.cancel(runId),
      all(bob.follow(runId)),
      bob.threads.messages('t'),
      bob.threads.delete('t'),
    ].map(refusal),
  )
  expect(refused.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404])
  expect(await bob.runs()).toEqual({ runs: [] })
  expect(await bob.threads.list()).toEqual({ threads: [] })
})
