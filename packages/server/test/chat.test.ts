import { expect, test } from 'vitest'
import type { Resource } from '@ringfence/server'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { Client, json } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { type HereServer, serveHere } from './support/serve-here.ts'

const said = (...texts: string[]): object[] =>
  texts.map((text) => ({ id: text, role: 'user', parts: [{ type: 'text', text }] }))

const send = (client: Client, body: object): Promise<Response> =>
  client.post('/v1/chat', { id: 'c', messages: said('hello'), trigger: 'submit-message', ...body })

const start = async (): Promise<{ server: HereServer; gates: Gates; alice: Client }> => {
  const gates = new Gates()
  const server = serveHere({ engine: chatEngine(gates) })
  return { server, gates, alice: await Client.of(server, 'alice') }
}

const chunksOf = (text: string): Record<string, unknown>[] =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(data) as Record<string, unknown>
  })

test('the stream has the headers of the protocol and ends with its mark', async () => {
  const { alice } = await start()
  const response = await send(alice, {})
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'x-vercel-ai-ui-message-stream': 'v1',
    'x-accel-buffering': 'no',
    'cache-control': 'private, no-cache, no-transform',
  })
  const text = await response.text()
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  const types = chunksOf(text).map(({ type }) => type)
  expect([types[0], types.at(-1)]).toEqual(['start', 'finish'])
})

test.each([
  [
    'a last message of an agent',
    { messages: [...said('x'), { ...said('y')[0], role: 'assistant' }] },
  ],
  ['a last message without text', { messages: [{ role: 'user', parts: [{ type: 'file' }] }] }],
  ['no message', { messages: [] }],
  ['messages that are none', { messages: 'hello' }],
  ['an id that is none', { id: '' }],
  ['an agent that is none', { agent: 7 }],
  ['a policy that is none', { threadPolicy: 'all' }],
])('%s is 422, and starts nothing', async (_what, body) => {
  const { alice } = await start()
  const response = await send(alice, body)
  expect(response.status).toBe(422)
  expect(await json(response)).toMatchObject({ code: 'invalid_input' })
  expect(await json(await alice.request('/v1/runs'))).toEqual({ runs: [] })
})

test('a body that names a user is 400', async () => {
  const { alice } = await start()
  expect((await send(alice, { userId: 'bob' })).status).toBe(400)
})

test('`authorize` is asked about the agent of a chat, and about its thread', async () => {
  const asked: [string, Resource][] = []
  const server = serveHere({
    engine: chatEngine(),
    authorize: (_actor, action, resource) => {
      asked.push([action, resource])
      return resource.agent !== 'careful' && resource.threadId !== 'closed'
    },
  })
  const alice = await Client.of(server, 'alice')
  expect((await send(alice, { agent: 'careful' })).status).toBe(403)
  expect((await alice.request('/v1/chat/closed/stream')).status).toBe(403)
  expect((await alice.request('/v1/chat/closed/stop', { method: 'POST' })).status).toBe(403)
  expect((await alice.request('/v1/threads/closed')).status).toBe(403)
  expect(asked).toEqual([
    ['runs.start', { agent: 'careful', threadId: 'c' }],
    ['runs.follow', { threadId: 'closed' }],
    ['runs.cancel', { threadId: 'closed' }],
    ['threads.read', { threadId: 'closed' }],
  ])
})

test('a client that comes back sees the newest answer that is still being given', async () => {
  const { gates, alice } = await start()
  const older = send(alice, { agent: 'gated', messages: said('g') }).then((answer) => answer.text())
  await expect
    .poll(async () => (await alice.request('/v1/chat/c/stream')).status, waiting)
    .toBe(200)
  await (await send(alice, { threadPolicy: 'parallel' })).text()
  const resumed = await alice.request('/v1/chat/c/stream')
  gates.open('g')
  expect(await resumed.text()).toBe(await older)
  expect((await alice.request('/v1/chat/c/stream')).status).toBe(204)
})

test('a client that leaves cancels the run only where it said so', async () => {
  const { server, alice } = await start()
  const leave = async (id: string, onDisconnect: string): Promise<void> => {
    const leaving = new AbortController()
    const response = await server.fetch(`${server.url}/v1/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id, messages: said('g'), agent: 'gated', onDisconnect }),
      signal: leaving.signal,
    })
    const reader = response.body?.getReader()
    await reader?.read()
    leaving.abort()
  }
  await leave('stays', 'continue')
  await leave('goes', 'cancel')
  type Page = { runs: { threadId: string; status: string }[] }
  const runs = async (): Promise<string[]> => {
    const page = await json<Page>(await alice.request('/v1/runs'))
    return page.runs.map(({ threadId, status }) => `${threadId} ${status}`)
  }
  await expect.poll(runs).toEqual(['goes cancelled', 'stays running'])
  // To stop one chat is nothing to another one.
  await alice.request('/v1/chat/goes/stop', { method: 'POST' })
  expect(await runs()).toEqual(['goes cancelled', 'stays running'])
})

test('a tool that has to be approved asks in the chat, and goes on when its owner has said yes', async () => {
  const { server, alice } = await start()
  const bob = await Client.of(server, 'bob')
  const streaming = (await send(alice, { agent: 'careful' })).text()
  type Page = { approvals: { approvalId: string; tool: string }[] }
  const pending = async (client: Client): Promise<Page['approvals']> =>
    (await json<Page>(await client.request('/v1/approvals?status=pending'))).approvals
  await expect.poll(async () => (await pending(alice)).length).toBe(1)
  expect(await pending(bob)).toEqual([])
  const approvalId = (await pending(alice))[0]?.approvalId ?? ''
  for (const foreign of [approvalId, 'missing']) {
    expect((await bob.request(`/v1/approvals/${foreign}`)).status).toBe(404)
    expect((await bob.post(`/v1/approvals/${foreign}/approve`)).status).toBe(404)
    expect((await bob.post(`/v1/approvals/${foreign}/deny`, { reason: 'no' })).status).toBe(404)
  }
  const read = await json<object>(await alice.request(`/v1/approvals/${approvalId}`))
  expect(read).toMatchObject({ tool: 'erase', status: 'pending', input: { word: 'hello' } })
  expect(read).not.toHaveProperty('argumentsHash')
  const approved = await alice.post(`/v1/approvals/${approvalId}/approve`, { reason: 'fine' })
  expect(await json(approved)).toMatchObject({ resolvedBy: { userId: 'alice' }, reason: 'fine' })
  expect(chunksOf(await streaming)).toMatchObject([
    { type: 'start' },
    { type: 'start-step' },
    { type: 'tool-input-available', toolName: 'erase', dynamic: true },
    { type: 'tool-approval-request', approvalId },
    { type: 'tool-output-available', output: { erased: 'hello' } },
    { type: 'finish-step' },
    { type: 'start-step' },
    { type: 'text-start' },
    { type: 'text-delta', delta: 'erased hello' },
    { type: 'text-end' },
    { type: 'finish-step' },
    { type: 'finish' },
  ])
  expect((await alice.post(`/v1/approvals/${approvalId}/deny`)).status).toBe(409)
})

test('what was denied is told as denied', async () => {
  const { alice } = await start()
  const streaming = (await send(alice, { agent: 'careful' })).text()
  type Page = { approvals: { approvalId: string }[] }
  const list = async (): Promise<Page['approvals']> =>
    (await json<Page>(await alice.request('/v1/approvals'))).approvals
  await expect.poll(async () => (await list()).length).toBe(1)
  await alice.post(`/v1/approvals/${(await list())[0]?.approvalId}/deny`)
  const types = chunksOf(await streaming).map(({ type }) => type)
  expect(types.slice(-3)).toEqual(['tool-output-denied', 'finish-step', 'error'])
})

test("threads are their owner's alone, to list, to read and to delete", async () => {
  const { server, alice } = await start()
  const bob = await Client.of(server, 'bob')
  await (await send(alice, {})).text()
  const list = await json(await alice.request('/v1/threads'))
  expect(list).toMatchObject({ threads: [{ threadId: 'c', messages: 2 }] })
  expect(await json(await bob.request('/v1/threads'))).toEqual({ threads: [] })
  for (const path of ['/v1/threads/c', '/v1/threads/c/messages']) {
    expect((await bob.request(path)).status).toBe(404)
    expect((await alice.request(path)).status).toBe(200)
  }
  const messages = await json(await alice.request('/v1/threads/c/messages?limit=1'))
  expect(messages).toMatchObject({ messages: [{ role: 'assistant' }], previous: 1 })
  expect((await bob.request('/v1/threads/c', { method: 'DELETE' })).status).toBe(404)
  expect((await alice.request('/v1/threads/c', { method: 'DELETE' })).status).toBe(204)
  expect((await alice.request('/v1/threads/c')).status).toBe(404)
  expect((await alice.request('/v1/threads/c/messages?limit=x')).status).toBe(400)
  expect((await alice.request('/v1/approvals?status=x')).status).toBe(400)
})

test('a start says what becomes of it where its thread has a run', async () => {
  const { gates, alice } = await start()
  const begin = (threadPolicy: string): Promise<Response> =>
    alice.post('/v1/agents/gated/runs', { input: { message: 'g' }, threadId: 't', threadPolicy })
  const first = await json<{ runId: string }>(await begin('queue'))
  expect((await begin('reject')).status).toBe(409)
  expect((await json<{ runId: string }>(await begin('join'))).runId).toBe(first.runId)
  const second = await json<{ runId: string }>(await begin('replace'))
  expect(await json(await alice.request(`/v1/runs/${first.runId}`))).toMatchObject({
    status: 'cancelled',
  })
  expect((await begin('none')).status).toBe(422)
  gates.open('g')
  expect((await alice.story(second.runId)).at(-1)?.event.type).toBe('agent_completed')
})
