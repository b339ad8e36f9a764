import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentDefinition } from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { caught } from './support/caught.ts'
import { engineOf } from './support/engine.ts'
import { finish, mockModel, said } from './support/mock-models.ts'
import { alice, users } from './support/users.ts'

/** What the model was shown, as lines. */
function shown(prompt: unknown): string[] {
  return z
    .array(
      z.object({
        role: z.string(),
        content: z.union([z.string(), z.array(z.object({ text: z.string() }))]),
      }),
    )
    .parse(prompt)
    .map(({ role, content }) =>
      typeof content === 'string' ? `${role}: ${content}` : `${role}: ${content[0]?.text ?? ''}`,
    )
}

async function say(
  engine: ReturnType<typeof engineOf>,
  user: { readonly userId: string },
  message: string,
  threadId: string | undefined = 'thread-1',
  agent = 'assistant',
): Promise<unknown> {
  return users.run(user, async () => {
    const { result } = await engine.start(agent, { message }, { threadId })
    return result
  })
}

test('a thread is a conversation, each owner’s own, though the ids are the same', async () => {
  let answers = 0
  const model = mockModel('v4', () => said(`answer ${(answers += 1)}`))
  const agent = modelAgent({ name: 'assistant', model, instructions: 'Be kind.' })
  const engine = engineOf([agent])
  await say(engine, alice, 'I am Alice.')
  await say(engine, { userId: 'bob' }, 'I am Bob.')
  await say(engine, alice, 'Who am I?')
  await say(engine, alice, 'And elsewhere?', 'thread-2')
  await users.run(alice, async () => {
    const { result } = await engine.start('assistant', { message: 'And nowhere?' })
    await result
  })
  expect(model.prompts.map(shown)).toEqual([
    ['system: Be kind.', 'user: I am Alice.'],
    ['system: Be kind.', 'user: I am Bob.'],
    ['system: Be kind.', 'user: I am Alice.', 'assistant: answer 1', 'user: Who am I?'],
    ['system: Be kind.', 'user: And elsewhere?'],
    ['system: Be kind.', 'user: And nowhere?'],
  ])
})

test('no more is shown than the limits allow, and it begins with the user', async () => {
  const model = mockModel('v4', () => said('yes'))
  const engine = engineOf([
    modelAgent({ name: 'assistant', model, limits: { historyMessages: 3 } }),
  ])
  for (const message of ['one', 'two', 'three']) await say(engine, alice, message)
  expect(shown(model.prompts.at(-1))).toEqual(['user: two', 'assistant: yes', 'user: three'])

  const short = engineOf([
    modelAgent({ name: 'assistant', model, limits: { historyCharacters: 5 } }),
  ])
  await say(short, alice, 'a long question')
  await say(short, alice, 'next')
  expect(shown(model.prompts.at(-1))).toEqual(['user: next'])
})

test('a turn that failed leaves nothing in the conversation', async () => {
  const model = mockModel('v4', (_, call) =>
    call === 0 ? [...said('half').slice(0, -1), finish('length')] : said('whole'),
  )
  const engine = engineOf([modelAgent({ name: 'assistant', model })])
  expect(await caught(() => say(engine, alice, 'first'))).toMatchObject({
    code: 'MODEL_OUTPUT_LIMIT',
  })
  await say(engine, alice, 'second')
  expect(shown(model.prompts.at(-1))).toEqual(['user: second'])
})

test('an agent that another one delegates to has no part in the conversation', async () => {
  const model = mockModel('v4', () => said('part'))
  const part = modelAgent({ name: 'part', model })
  const whole: AgentDefinition = defineAgent({
    name: 'assistant',
    input: z.object({ message: z.string() }),
    output: z.unknown(),
    run: async ({ message }, agent) => {
      await agent.thread?.append({ role: 'user', content: message })
      return agent.delegate(part, { message: 'Do your part.' })
    },
  })
  const engine = engineOf([whole, part])
  await say(engine, alice, 'Do it all.')
  expect(model.prompts.map(shown)).toEqual([['user: Do your part.']])
  const messages = await users.run(alice, async () => {
    const page = await engine.threads.messages('thread-1')
    return page.messages.map(({ role, content }) => [role, content])
  })
  expect(messages).toEqual([['user', 'Do it all.']])
})
