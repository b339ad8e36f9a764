import type { AgentEvent } from '@ringfence/engine'
import { ApiError, createClient, type AgentClient } from '@ringfence/server/client'
import { expect, test } from 'vitest'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { all } from './support/client.ts'
import { type HereServer, serveHere } from './support/serve-here.ts'
import { tokenFor } from './support/tokens.ts'

const clientOf = async ({ url, fetch }: HereServer, userId: string): Promise<AgentClient> =>
  createClient({ url, fetch, token: await tokenFor(userId) })

const refusal = async (asked: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (ApiError.is(error)) return error
  throw new Error('It was not refused')
}

const start = async (): Promise<{ server: HereServer; gates: Gates; alice: AgentClient }> => {
  const gates = new Gates()
  const server = serveHere({ engine: chatEngine(gates) })
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

test('asks for a new token where the old one is no longer taken, once for all requests', async () => {
  const { server } = await start()
  const old = await tokenFor('alice', { exp: Math.floor(Date.now() / 1_000) - 600 })
  const tokens = [old, await tokenFor('alice'), 'never asked for']
  let asked = 0
  const alice = createClient({ ...server, token: async () => tokens[asked++] ?? '' })
  await Promise.all([alice.runs(), alice.agents(), alice.threads.list()])
  expect(asked).toBe(2)
  const stale = createClient({ ...server, token: () => old })
  expect(await refusal(stale.runs())).toMatchObject({ code: 'invalid_token', status: 401 })
})

test('a start whose answer is lost is one run', async () => {
  const { server, alice } = await start()
  let sent = 0
  const losing: typeof fetch = async (input, init) => {
    const response = await server.fetch(input, init)
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
