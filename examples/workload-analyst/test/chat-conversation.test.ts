import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { createServer } from '@ringfence/server'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { textOf } from '../chat/chat-message.ts'
import { Conversation, type Memory } from '../chat/conversation.ts'
import { type Client, requireSuccess } from '../page/client.ts'
import { isObject } from '../page/event.ts'

const waiting = { timeout: 10_000 }
const none: Memory = { write: () => undefined }

/** An assistant that says the first half, and the second once it may. */
const serve = (
  expiresAt: () => number | undefined,
): { client: Client; finish: () => void; requests: string[] } => {
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const assistant = defineAgent({
    name: 'assistant',
    input: z.object({ message: z.string() }),
    output: z.object({ text: z.string() }),
    async run({ message }, agent) {
      await agent.text('half')
      await finished
      await agent.text(', whole')
      await agent.thread?.append([
        { role: 'user', content: message },
        { role: 'assistant', content: 'half, whole' },
      ])
      return { text: 'half, whole' }
    },
  })
  const server = createServer({
    engine: createExecutionEngine({ agents: new AgentRegistry().register(assistant).freeze() }),
    identify: () => {
      const until = expiresAt()
      return { userId: 'alice', ...(until === undefined ? {} : { expiresAt: until }) }
    },
  })
  onTestFinished(() => server.close({ graceMs: 0 }))
  const requests: string[] = []
  const send: Client['fetch'] = async (path, init = {}) => {
    requests.push(`${init.method ?? 'GET'} ${path}`)
    return server.fetch(new Request(new URL(path, 'http://agents.test'), init))
  }
  const client: Client = {
    userId: 'alice',
    fetch: send,
    send: (method, path) => send(path, { method }),
    async json(method, path) {
      const answer = await requireSuccess(await send(path, { method }))
      const value: unknown = answer.status === 204 ? {} : await answer.json()
      return isObject(value) ? value : {}
    },
  }
  return { client, finish, requests }
}

const shown = ({ chat }: Conversation): string[] =>
  chat.messages.map((message) => `${message.role}: ${textOf(message)}`)

test('an answer that outlives its token goes on with the next one', async () => {
  let tokens = 0
  const { client, finish, requests } = serve(() => (++tokens === 1 ? Date.now() + 300 : undefined))
  const conversation = new Conversation(client, 'chat', none, [])
  const troubles: unknown[] = []
  conversation.subscribe(() => troubles.push(conversation.state().trouble?.kind))
  expect(conversation.ask('How much?')).toBe(true)
  await expect.poll(() => requests, waiting).toContain('GET /v1/chat/chat/stream')
  expect(troubles).toContain('lost')
  await expect.poll(() => shown(conversation), waiting).toContain('assistant: half')
  finish()
  await expect.poll(() => conversation.state().working, waiting).toBe(false)
  expect(shown(conversation)).toEqual(['user: How much?', 'assistant: half, whole'])
  conversation.close()
})

test('a stop that comes before the answer has begun ends the run all the same, and is said once', async () => {
  const { client, requests } = serve(() => undefined)
  const conversation = new Conversation(client, 'chat', none, [])
  conversation.ask('How much?')
  expect(conversation.ask('And again?')).toBe(false)
  conversation.stop()
  conversation.stop()
  await expect.poll(() => conversation.state().working, waiting).toBe(false)
  expect(conversation.chat.messages.at(-1)?.metadata?.end).toEqual({ how: 'stopped' })
  expect(requests.filter((request) => request.endsWith('/stop'))).toHaveLength(1)
  conversation.close()
})
