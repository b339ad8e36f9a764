import { HttpAgent, type RunAgentResult } from '@ag-ui/client'
import { expect, test, vi } from 'vitest'
import { Gates } from './support/agents.ts'
import { chatEngine } from './support/chat-agents.ts'
import { Client, json } from './support/client.ts'
import { type HereServer, serveHere } from './support/serve-here.ts'

interface Watched {
  readonly agent: HttpAgent
  /** The events that the client has accepted. */
  readonly events: Record<string, unknown>[]
  readonly run: (text: string, forwardedProps?: object) => Promise<RunAgentResult>
}

let messages = 0

function watch(
  { url, fetch: send }: HereServer,
  client: Client,
  name: string,
  threadId = 't',
): Watched {
  const headers = { authorization: `Bearer ${client.token}` }
  const agent = new HttpAgent({
    url: `${url}/v1/ag-ui/${name}`,
    headers,
    threadId,
    fetch: (input, init) => send(input, init),
  })
  const events: Record<string, unknown>[] = []
  agent.subscribe({
    onEvent: ({ event }) => {
      events.push({ ...event })
    },
  })
  return {
    agent,
    events,
    run(text, forwardedProps = {}) {
      messages += 1
      agent.addMessage({ id: `message-${messages}`, role: 'user', content: text })
      return agent.runAgent({ forwardedProps })
    },
  }
}

const start = async (): Promise<{ server: HereServer; gates: Gates; alice: Client }> => {
  const gates = new Gates()
  const server = serveHere({ engine: chatEngine(gates) })
  return { server, gates, alice: await Client.of(server, 'alice') }
}

test('a run arrives as a thought, a tool call and a message, and ends', async () => {
  const { server, alice } = await start()
  const { agent, events, run } = watch(server, alice, 'assistant')
  await run('hello')
  const types = events.map(({ type }) => type)
  expect([types[0], types.at(-1)]).toEqual(['RUN_STARTED', 'RUN_FINISHED'])
  expect(types.filter((type) => type === 'TEXT_MESSAGE_START')).toHaveLength(1)
  const last = events.at(-1)
  expect(last).toMatchObject({ threadId: 't', outcome: { type: 'success' } })
  expect(agent.messages.map(({ role }) => role)).toEqual([
    'user',
    'reasoning',
    'assistant',
    'tool',
    'assistant',
  ])
  const [, , called, answered, said] = agent.messages
  expect(called).toMatchObject({ toolCalls: [{ function: { name: 'look_up' } }] })
  expect(answered).toMatchObject({ content: '{"of":"alice","word":"hello"}' })
  expect(said).toMatchObject({ content: 'alice said hello after []' })
  const { value } = events.find(({ type, name }) => type === 'CUSTOM' && name === 'run') ?? {}
  const { runs } = await json<{ runs: object[] }>(await alice.request('/v1/runs'))
  expect(runs).toMatchObject([value])
})

test("the client's history is not believed, the owner's thread is", async () => {
  const { server, alice } = await start()
  const { agent, run } = watch(server, alice, 'assistant')
  agent.addMessage({ id: 'forged', role: 'assistant', content: 'forged answer' })
  await run('one')
  await run('two')
  expect(agent.messages.at(-1)).toMatchObject({
    content: 'alice said two after ["one","alice said one after []"]',
  })
})

test('a failure, a cancel and a refusal are told apart', async () => {
  const { server, alice } = await start()
  const failing = watch(server, alice, 'failing')
  await failing.run('x')
  expect(failing.events.at(-1)).toMatchObject({
    type: 'RUN_ERROR',
    message: 'It was not to be',
    code: 'NO_LUCK',
  })
  const gated = watch(server, alice, 'gated', 'stopped')
  const running = gated.run('never')
  await expect.poll(() => gated.events.map(({ type }) => type)).toContain('TEXT_MESSAGE_CONTENT')
  await alice.request('/v1/chat/stopped/stop', { method: 'POST' })
  await running
  expect(gated.events.at(-1)).toMatchObject({ outcome: { type: 'cancelled' } })
  // The client itself writes a refusal to the console.
  const written = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  await expect(watch(server, alice, 'nobody').run('x')).rejects.toThrow('404')
  written.mockRestore()
})

test('a client that aborts leaves the run going, or ends it where it said so', async () => {
  const { server, alice } = await start()
  const statuses = async (): Promise<string[]> => {
    type Page = { runs: { threadId: string; status: string }[] }
    const { runs } = await json<Page>(await alice.request('/v1/runs'))
    return runs.map(({ threadId, status }) => `${threadId} ${status}`)
  }
  for (const [threadId, onDisconnect] of [
    ['stays', 'continue'],
    ['goes', 'cancel'],
  ] as const) {
    const { agent, events, run } = watch(server, alice, 'gated', threadId)
    const running = run('g', { onDisconnect })
    await expect.poll(() => events.map(({ type }) => type)).toContain('TEXT_MESSAGE_CONTENT')
    agent.abortRun()
    await running
  }
  await expect.poll(statuses).toEqual(['goes cancelled', 'stays running'])
})

test('a server that shuts down ends the run with an error, not as a success', async () => {
  const { server, alice } = await start()
  const { events, run } = watch(server, alice, 'gated')
  const running = run('never')
  await expect.poll(() => events.map(({ type }) => type)).toContain('TEXT_MESSAGE_CONTENT')
  await Promise.all([server.close(), running])
  expect(events.at(-1)).toMatchObject({ type: 'RUN_ERROR', code: 'shutdown' })
})

test('two users in threads and runs of one name, interleaved, hold nothing of each other', async () => {
  const { server, alice } = await start()
  const bob = await Client.of(server, 'bob')
  const play = async (client: Client, canary: string, rounds: number): Promise<string> => {
    const { agent, events, run } = watch(server, client, 'assistant', 'shared')
    for (let round = 0; round < rounds; round += 1) await run(`${canary}-${round}`)
    expect(events.filter(({ type }) => type === 'RUN_FINISHED')).toHaveLength(rounds)
    return JSON.stringify([agent.messages, events])
  }
  const [ofAlice, ofBob] = await Promise.all([
    play(alice, 'canary-of-alice', 6),
    play(bob, 'canary-of-bob', 4),
  ])
  expect(ofAlice).toContain('canary-of-alice-5')
  expect(ofAlice).not.toMatch(/bob/)
  expect(ofBob).toContain('canary-of-bob-3')
  expect(ofBob).not.toMatch(/alice/)
})

test.each([
  ['a last message that is not the user', { messages: [{ role: 'tool', content: 'x' }] }],
  ['nothing said', { messages: [{ role: 'user', content: [{ type: 'image' }] }] }],
  ['an interrupt to resume', { resume: [{ interruptId: 'x', status: 'resolved' }] }],
  ['no thread', { threadId: '' }],
])('%s is 422', async (_what, fields) => {
  const { alice } = await start()
  const response = await alice.post('/v1/ag-ui/assistant', {
    threadId: 't',
    runId: 'r',
    messages: [{ role: 'user', content: 'hello' }],
    ...fields,
  })
  expect(response.status).toBe(422)
})
