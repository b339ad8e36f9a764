import { Chat } from '@ai-sdk/react'
import { DefaultChatTransport, type UIMessage } from 'ai'
import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { type Analyst, startAnalyst } from './support/analyst.ts'
import { createCanaryLog } from './support/canary-log.ts'
import { startModelEndpoint } from './support/model-endpoint.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

const start = async (options: Parameters<typeof startAnalyst>[0] = {}): Promise<Analyst> => {
  const analyst = await startAnalyst(options)
  closing.push(analyst.close)
  return analyst
}

const chatOf = async (analyst: Analyst, userId: string): Promise<Chat<UIMessage>> =>
  new Chat<UIMessage>({
    id: 'questions',
    transport: new DefaultChatTransport({
      api: `${analyst.url}/v1/chat`,
      headers: { authorization: `Bearer ${await analyst.token(userId)}` },
    }),
  })

const ask = async (chat: Chat<UIMessage>, text: string): Promise<string> => {
  await chat.sendMessage({ text })
  if (chat.error !== undefined) throw chat.error
  const parts = chat.messages.at(-1)?.parts ?? []
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

test('the assistant answers each user from their own log, by calling tools', async () => {
  const analyst = await start()
  const users = ['alice', 'bob'] as const
  const logs = { alice: createCanaryLog(1), bob: createCanaryLog(2) }
  const answers = await Promise.all(
    users.map(async (userId) => {
      await analyst.run(userId, logs[userId].text)
      const chat = await chatOf(analyst, userId)
      const said = [
        await ask(chat, 'Which feature costs most?'),
        await ask(chat, 'What do my calls cost?'),
        await ask(chat, 'What should I change?'),
      ]
      const tools = chat.messages.flatMap(({ parts }) =>
        parts.flatMap((part) => (part.type === 'dynamic-tool' ? [part.toolName] : [])),
      )
      expect(tools).toEqual(['read_spending', 'read_totals', 'read_savings'])
      expect(said[0]).toContain('By feature, the dearest first:')
      expect(said[1]).toMatch(/^[\d,]+ calls? used [\d,]+ input and [\d,]+ output tokens\./)
      return JSON.stringify(chat.messages)
    }),
  )
  for (const [mine, own, foreign] of [
    [answers[0], logs.alice, logs.bob],
    [answers[1], logs.bob, logs.alice],
  ] as const) {
    expect(mine).toContain(own.feature)
    expect(mine).toContain(own.inputTokens.toLocaleString('en-US'))
    expect(mine).not.toContain(foreign.feature)
    expect(mine).not.toContain(foreign.inputTokens.toLocaleString('en-US'))
  }
})

test('a user without an analysed log is told so, whatever others have', async () => {
  const analyst = await start()
  const foreign = createCanaryLog(1)
  await analyst.run('alice', foreign.text)
  const chat = await chatOf(analyst, 'bob')
  await expect(ask(chat, 'What do my calls cost?')).rejects.toThrow('You have no analysed log yet')
  expect(JSON.stringify(chat.messages)).not.toContain(foreign.feature)
})

test('money is asked for in many words', async () => {
  const analyst = await start()
  await analyst.run('alice', createCanaryLog(1).text)
  const chat = await chatOf(analyst, 'alice')
  for (const [question, answer] of [
    ['Where does my money go?', /^[\d,]+ calls? used/],
    ['What do I pay?', /^[\d,]+ calls? used/],
    ['Is that expensive?', /^[\d,]+ calls? used/],
    ['Which model is the most expensive?', /^By model, the dearest first:/],
    ['How do I pay less?', /would save/],
    ['What is displayed?', /^I am no language model\./],
  ] as const) {
    expect(await ask(chat, question)).toMatch(answer)
  }
})

test('what it does not understand is answered with what it does', async () => {
  const chat = await chatOf(await start(), 'alice')
  expect(await ask(chat, 'Hello')).toContain('I am no language model.')
})

/** An answer of an OpenAI-compatible endpoint, streamed. */
const stream = (response: ServerResponse, delta: object, reason: string): void => {
  const chunk = (choice: object): string =>
    `data: ${JSON.stringify({ id: 'x', created: 1, model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`
  response.setHeader('content-type', 'text/event-stream')
  response.end(`${chunk({ delta })}${chunk({ delta: {}, finish_reason: reason })}data: [DONE]\n\n`)
}

test('with an endpoint a model answers, looks with the same tools, and has the history', async () => {
  let questions = 0
  const call = { name: 'read_totals', arguments: '{}' }
  const endpoint = await startModelEndpoint((response) => {
    questions += 1
    if (questions === 1) {
      const toolCall = { index: 0, id: 'call-1', type: 'function', function: call }
      stream(response, { role: 'assistant', tool_calls: [toolCall] }, 'tool_calls')
    } else stream(response, { role: 'assistant', content: `answer ${questions}` }, 'stop')
  })
  closing.push(endpoint.close)
  const analyst = await start({ model: { url: endpoint.url, name: 'local', key: 'secret-key' } })
  await analyst.run('alice', 'input_tokens,output_tokens\n123,45\n')
  questions = 0
  const chat = await chatOf(analyst, 'alice')
  expect(await ask(chat, 'What did it cost?')).toBe('answer 2')
  expect(await ask(chat, 'And again?')).toBe('answer 3')
  const asked = endpoint.requests.slice(-3)
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(
    Array.from({ length: 3 }, () => 'Bearer secret-key'),
  )
  expect(asked[1]?.body).toContain('\\"inputTokens\\":123')
  expect(asked[2]?.body).toContain('answer 2')
  expect(JSON.stringify(chat.messages)).not.toContain('secret-key')
})
