import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  MemoryStore,
  type AgentDefinition,
  type AgentThread,
  type NewMessage,
} from '../src/index.ts'
import { caught, contextError, engineError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { engineOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { randomOf } from './support/random.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const text = z.object({ text: z.string() })
const empty = z.object({})

/** Remembers what it is told, and says how much it has heard in this thread. */
const remembers: AgentDefinition<{ text: string }, { heard: string[] }> = defineAgent({
  name: 'remembers',
  input: text,
  output: z.object({ heard: z.array(z.string()) }),
  run: async (input, { thread }) => {
    if (thread === undefined) return { heard: [] }
    await thread.append({ role: 'user', content: input.text })
    const { messages } = await thread.messages()
    await thread.append({ role: 'assistant', content: `heard ${messages.length}` })
    return { heard: messages.map(({ content }) => JSON.stringify(content)) }
  },
})

// origins: SES-1
test('an agent has the history of the thread that its run belongs to, across runs', async () => {
  const engine = engineOf([remembers])
  await users.run(alice, async () => {
    for (const content of ['one', 'two']) {
      const { result } = await engine.start('remembers', { text: content }, { threadId: 't' })
      await result
    }
    const { messages } = await engine.threads.messages('t')
    expect(messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'one'],
      ['assistant', 'heard 1'],
      ['user', 'two'],
      ['assistant', 'heard 3'],
    ])
    // One run, one turn.
    expect(new Set(messages.map(({ turnId, runId }) => `${turnId} ${runId}`)).size).toBe(2)
    expect(await engine.threads.get('t')).toMatchObject({ threadId: 't', messages: 4 })
  })
})

test('a run that belongs to no thread has none, and neither has an instance outside a run', async () => {
  const engine = engineOf([remembers])
  await users.run(alice, async () => {
    const { result } = await engine.start('remembers', { text: 'one' })
    expect(await result).toEqual({ heard: [] })
    expect(await engine.threads.list()).toEqual({ threads: [] })
  })
  await users.run({ ...alice, threadId: 't' }, async () => {
    const alone = await engine.instances.create('remembers').execute({ text: 'one' })
    expect(alone).toEqual({ heard: [] })
    // The thread of the caller's context is the run's.
    await (
      await engine.start('remembers', { text: 'one' })
    ).result
    expect(await engine.threads.get('t')).toMatchObject({ messages: 2 })
  })
})

test('a list goes on after a thread of its own owner, and after no other', async () => {
  const engine = engineOf([remembers])
  await users.run(bob, () => engine.threads.append('of-bob', { role: 'user', content: 'his' }))
  await users.run(alice, async () => {
    for (const id of ['first', 'second']) {
      await engine.threads.append(id, { role: 'user', content: 'hers' })
    }
    const { threads } = await engine.threads.list({ before: 'second' })
    expect(threads.map(({ threadId }) => threadId)).toEqual(['first'])
    for (const before of ['of-bob', 'missing']) {
      const error = await engineError(() => engine.threads.list({ before }))
      expect(error).toMatchObject({ code: 'CURSOR_EVICTED' })
      expect(error.message.replace(before, '')).toBe(
        'There is no thread "" to go on from. Begin with the first page.',
      )
    }
  })
})

test('agents that it delegates to write into the same turn', async () => {
  const outer = defineAgent({
    name: 'outer',
    input: text,
    output: empty,
    run: async (input, agent) => {
      await agent.thread?.append({ role: 'user', content: 'first' })
      await agent.delegate(remembers, input)
      return {}
    },
  })
  const engine = engineOf([outer])
  await users.run(alice, async () => {
    await (
      await engine.start('outer', { text: 'second' }, { threadId: 't' })
    ).result
    const { messages } = await engine.threads.messages('t')
    expect(messages).toHaveLength(3)
    expect(new Set(messages.map(({ turnId }) => turnId)).size).toBe(1)
  })
})

// origins: SES-1 L23
test('two users with the same thread ids have two conversations each, seeded and interleaved', async () => {
  const seed = 20261125
  const random = randomOf(seed)
  const engine = engineOf([remembers], { limits: { ownerConcurrency: 3, ownerQueue: 100 } })
  const owners = ['alice', 'bob', 'carol', 'dave'].map((userId) => ({ userId }))
  const canary = (userId: string): string => `canary(${userId})`
  await Promise.all(
    owners.flatMap((owner) =>
      Array.from({ length: 8 }, (_, index) =>
        users.run(owner, async () => {
          await new Promise((resolve) => setTimeout(resolve, random() * 10))
          const threadId = `thread-${index % 2}`
          const input = { text: canary(owner.userId) }
          const { result } = await engine.start('remembers', input, { threadId })
          await result
        }),
      ),
    ),
  )
  for (const owner of owners) {
    await users.run(owner, async () => {
      const { threads } = await engine.threads.list()
      expect(
        threads.map(({ messages }) => messages),
        `seed ${seed}`,
      ).toEqual([8, 8])
      for (const { threadId } of threads) {
        const seen = JSON.stringify((await engine.threads.messages(threadId)).messages)
        const marks = [...seen.matchAll(/canary\((\w+)\)/g)].map(([, userId]) => userId)
        expect(marks).toHaveLength(4)
        expect(new Set(marks), `seed ${seed}`).toEqual(new Set([owner.userId]))
      }
    })
  }
  await expectNothingLeft(engine)
})

test('after its end a run writes no history, whoever kept its thread', async () => {
  let kept: AgentThread | undefined
  let refusedLater: unknown
  const resume = deferred()
  const ignores = defineTool({
    name: 'ignores',
    input: empty,
    output: empty,
    timeoutMs: 10,
    run: async () => {
      await resume.promise
      refusedLater = await caught(() => kept?.append({ role: 'tool', content: 'too late' }))
      return {}
    },
  })
  const keeps = defineAgent({
    name: 'keeps',
    input: empty,
    output: empty,
    run: async (_, agent) => {
      kept = agent.thread
      await agent.thread?.append({ role: 'user', content: 'in time' })
      await agent.call(ignores, {}).catch(() => undefined)
      return {}
    },
  })
  const engine = engineOf([keeps], { limits: { abortGraceMs: 40 } })
  await users.run(alice, async () => {
    await (
      await engine.start('keeps', {}, { threadId: 't' })
    ).result
    const late: NewMessage = { role: 'user', content: 'too late' }
    expect(await caught(() => kept?.append(late))).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(await caught(() => kept?.messages())).toMatchObject({ code: 'SCOPE_CLOSED' })
    resume.resolve()
    await expectNothingLeftOf(engine)
    expect(refusedLater).toMatchObject({ code: expect.stringMatching(/^SCOPE_/) })
    const { messages } = await engine.threads.messages('t')
    expect(messages.map(({ content }) => content)).toEqual(['in time'])
  })
})

async function expectNothingLeftOf(engine: ReturnType<typeof engineOf>): Promise<void> {
  while (engine.health().orphans > 0) await nextTurn()
}

test('what is written while a run is told to stop is kept; what comes after its end is not', async () => {
  const stopping = deferred()
  const store = new MemoryStore()
  const apologises = defineAgent({
    name: 'apologises',
    input: empty,
    output: empty,
    run: async (_, agent) => {
      await agent.thread?.append({ role: 'user', content: 'go' })
      stopping.resolve()
      await aborted(agent.signal)
      await agent.thread?.append({ role: 'assistant', content: 'stopped' })
      return {}
    },
  })
  const engine = engineOf([apologises], { store })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('apologises', {}, { threadId: 't' })
    result.catch(() => undefined)
    await stopping.promise
    await engine.cancel(runId)
    const { messages } = await engine.threads.messages('t')
    expect(messages.map(({ content }) => content)).toEqual(['go', 'stopped'])
    const late = { turnId: runId, runId, at: new Date(0).toISOString() }
    const message = { messageId: 'm', role: 'assistant', content: 'late' } as const
    const refused = await engineError(() =>
      store.threads.append('t', { ...late, messages: [message] }),
    )
    expect(refused.code).toBe('RUN_ENDED')
  })
})

test('a run whose thread is deleted meanwhile does not begin it anew', async () => {
  const gate = deferred()
  const begun = deferred()
  const slow = defineAgent({
    name: 'slow',
    input: empty,
    output: empty,
    run: async (_, agent) => {
      await agent.thread?.append({ role: 'user', content: 'question' })
      begun.resolve()
      await gate.promise
      await agent.thread?.append({ role: 'assistant', content: 'answer' })
      return {}
    },
  })
  const engine = engineOf([slow])
  await users.run(alice, async () => {
    const { result } = await engine.start('slow', {}, { threadId: 't' })
    await begun.promise
    await engine.threads.delete('t')
    gate.resolve()
    await expect(result).rejects.toMatchObject({ code: 'TURN_OVER' })
    expect((await engineError(() => engine.threads.get('t'))).code).toBe('THREAD_NOT_FOUND')
  })
})

test('what an agent appends and does not await is there when its run ends, in order', async () => {
  const hasty = defineAgent({
    name: 'hasty',
    input: empty,
    output: empty,
    run: async (_, agent) => {
      for (const content of ['a', 'b', 'c']) void agent.thread?.append({ role: 'user', content })
      return {}
    },
  })
  const engine = engineOf([hasty])
  await users.run(alice, async () => {
    await (
      await engine.start('hasty', {}, { threadId: 't' })
    ).result
    const { messages } = await engine.threads.messages('t')
    expect(messages.map(({ content }) => content)).toEqual(['a', 'b', 'c'])
  })
})

// origins: SES-1
test('the owner adds, lists, pages and deletes their own; a foreign thread is a missing one', async () => {
  const engine = engineOf([remembers])
  await users.run(alice, async () => {
    await engine.threads.append('t', [
      { messageId: 'q', role: 'user', content: 'hello' },
      { role: 'assistant', content: { parts: [{ type: 'text', text: 'hi' }] } },
    ])
    const page = await engine.threads.messages('t', { limit: 1 })
    expect(page).toMatchObject({ messages: [{ role: 'assistant', position: 1 }], previous: 1 })
    expect(await engine.threads.list()).toMatchObject({ threads: [{ threadId: 't' }] })
  })
  await users.run(bob, async () => {
    for (const id of ['t', 'missing']) {
      const calls = [
        () => engine.threads.get(id),
        () => engine.threads.messages(id),
        () => engine.threads.delete(id),
      ]
      for (const call of calls) {
        expect(await engineError(call)).toMatchObject({
          code: 'THREAD_NOT_FOUND',
          message: `There is no thread "${id}".`,
        })
      }
    }
  })
  await users.run(alice, async () => {
    await engine.threads.delete('t')
    expect((await engineError(() => engine.threads.delete('t'))).code).toBe('THREAD_NOT_FOUND')
  })
  expect((await contextError(() => engine.threads.list())).code).toBe('NO_SCOPE')
  expect((await contextError(() => engine.threads.append('t', []))).code).toBe('NO_SCOPE')
})

const circle: Record<string, unknown> = {}
circle['self'] = circle
let deep: unknown = 'end'
for (let depth = 0; depth < 100_000; depth += 1) deep = [deep]

test.each([
  ['no messages', []],
  ['too many', Array.from({ length: 1_001 }, () => ({ role: 'user', content: '' }))],
  ['an unknown role', { role: 'admin', content: 'x' }],
  ['no content', { role: 'user' }],
  ['a function as content', { role: 'user', content: () => 'x' }],
  ['a date as content', { role: 'user', content: new Date(0) }],
  ['what is not a number', { role: 'user', content: Number.NaN }],
  ['an empty message id', { role: 'user', content: 'x', messageId: '' }],
  ['a long message id', { role: 'user', content: 'x', messageId: 'x'.repeat(257) }],
  ['nothing', undefined],
  ['content in a circle', { role: 'user', content: circle }],
  ['content without a floor', { role: 'user', content: deep }],
])('%s is refused with INVALID_INPUT, and leaves nothing', async (_, messages) => {
  const engine = engineOf([remembers])
  await users.run(alice, async () => {
    const refused = await engineError(() => engine.threads.append('t', untyped(messages)))
    expect(refused.code).toBe('INVALID_INPUT')
    expect(await engine.threads.list()).toEqual({ threads: [] })
  })
})

test.each(['', 'x'.repeat(257), untyped<string>(7)])('the thread id %j is refused', async (id) => {
  const engine = engineOf([remembers])
  await users.run(alice, async () => {
    const append = (): unknown => engine.threads.append(id, { role: 'user', content: 'x' })
    expect((await engineError(append)).code).toBe('INVALID_INPUT')
  })
})

test('what throws when it is read is no message, and no failure of anybody else', async () => {
  const engine = engineOf([remembers])
  const throws = {
    get(): never {
      throw new Error('a secret of the getter')
    },
  }
  const unreadable: unknown[] = [
    Object.defineProperty({ content: 'x' }, 'role', throws),
    Object.defineProperty({ role: 'user' }, 'content', { ...throws, enumerable: true }),
    { role: 'user', content: Object.defineProperty({}, 'part', { ...throws, enumerable: true }) },
    new Proxy({}, throws),
    new Proxy([], throws),
  ]
  await users.run(alice, async () => {
    for (const message of unreadable) {
      const error = await engineError(() => engine.threads.append('t', untyped(message)))
      expect(error).toMatchObject({ code: 'INVALID_INPUT' })
      expect(error.message).not.toContain('secret')
    }
    expect(await engine.threads.list()).toMatchObject({ threads: [] })
  })
})
