import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope } from '@ringfence/context'
import {
  AgentError,
  defineAgent,
  defineTool,
  pipeline,
  type AgentDefinition,
  type DelegateOptions,
} from '../src/index.ts'
import { caught } from './support/caught.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, runToEnd, typesOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})

/** A schema that shows in its value how often it was applied. */
const marked = (mark: string): z.ZodType<string, string> =>
  z.string().transform((text) => `${text}${mark}`)

function stage(name: string): AgentDefinition<string, string> {
  return defineAgent({
    name,
    input: marked(`<${name}`),
    output: marked(`>${name}`),
    run: (text) => text,
  })
}

describe('each schema is applied once', () => {
  const one = stage('1')
  const two = stage('2')
  const three = stage('3')
  const inner = pipeline({ name: 'inner', stages: [two, three] })

  test.each([
    ['to an agent', one, 'x<1>1'],
    ['to a pipeline of one', pipeline({ name: 'p', stages: [one] }), 'x<1>1'],
    ['to a pipeline', pipeline({ name: 'p', stages: [one, two] }), 'x<1>1<2>2'],
    [
      'to a pipeline in a pipeline, first',
      pipeline({ name: 'p', stages: [inner, one] }),
      'x<2>2<3>3<1>1',
    ],
    [
      'to a pipeline in a pipeline, last',
      pipeline({ name: 'p', stages: [one, inner] }),
      'x<1>1<2>2<3>3',
    ],
  ])('%s', async (_, agent, result) => {
    const engine = engineOf([agent])
    await users.run(alice, async () => {
      expect((await runToEnd(engine, agent.name, 'x')).at(-1)).toMatchObject({ data: { result } })
      expect(await engine.instances.create(agent.name).execute('x')).toBe(result)
    })
  })

  test('to a delegation and to a tool', async () => {
    const tool = defineTool({
      name: 'tool',
      input: marked('<t'),
      output: marked('>t'),
      run: (text) => text,
    })
    const agent = defineAgent({
      name: 'agent',
      input: z.string(),
      output: z.array(z.string()),
      run: async (text, execution) => [
        await execution.delegate(one, text),
        z.string().parse(await execution.delegate('inner', text)),
        await execution.call(tool, text),
      ],
    })
    const engine = engineOf([agent, inner])
    await users.run(alice, async () => {
      expect((await runToEnd(engine, 'agent', 'x')).at(-1)).toMatchObject({
        data: { result: ['x<1>1', 'x<2>2<3>3', 'x<t>t'] },
      })
    })
  })
})

// origins: UEE-9 SUP-1 L5
test('a pipeline runs its stages in order, and the first failure ends it', async () => {
  const began: string[] = []
  const step = (name: string, fails: boolean): AgentDefinition<string, string> =>
    defineAgent({
      name,
      input: z.string(),
      output: z.string(),
      run: (text) => {
        began.push(name)
        if (fails) throw new AgentError('STUCK', `${name} is stuck`)
        return text
      },
    })
  const stages = [step('a', false), step('b', true), step('c', false)] as const
  const engine = engineOf([pipeline({ name: 'p', stages })])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'p', 'x')
    expectOneStory(events)
    expect(began).toEqual(['a', 'b'])
    expect(events.slice(-2)).toMatchObject([
      {
        type: 'subagent_completed',
        agent: 'p',
        data: { agent: 'b', ok: false, error: { code: 'STUCK' } },
      },
      { type: 'agent_error', data: { error: { code: 'STUCK', message: 'b is stuck' } } },
    ])
  })
})

test('a stage that does not take what the one before returns fails the pipeline, and names itself', async () => {
  const numbers = defineAgent({
    name: 'numbers',
    input: z.object({ count: z.number() }),
    output: z.null(),
    run: () => null,
  })
  const wrong = pipeline({
    name: 'wrong',
    stages: untyped<readonly [AgentDefinition]>([echo, numbers]),
  })
  const engine = engineOf([wrong])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'wrong', { text: 'x' })
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'INVALID_INPUT' } } })
    expect(JSON.stringify(events.at(-1))).toContain('numbers')
  })
})

test('a delegation by name finds what is registered, and an unknown name is refused', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.unknown(),
    run: async (_, execution) => {
      expect(await caught(() => execution.delegate('nope', {}))).toMatchObject({
        code: 'UNKNOWN_AGENT',
      })
      expect(await caught(() => execution.delegate('echo', {}))).toMatchObject({
        code: 'INVALID_INPUT',
        issues: [{ path: 'text' }],
      })
      return execution.delegate('echo', { text: 'hi' })
    },
  })
  const engine = engineOf([agent, echo])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { result: { text: 'hi' } } })
    // The unknown agent never began; the one that got a bad input did, and failed.
    expect(typesOf(events).filter((type) => type === 'subagent_started')).toHaveLength(2)
  })
})

// origins: TLD-4
test('a delegation may narrow the roles, for the tools of the other agent as well; never widen them', async () => {
  const logger = new RecordingLogger()
  const seen: Record<string, readonly string[]> = {}
  const note = defineTool({
    name: 'note',
    input: z.object({ place: z.string() }),
    output: z.null(),
    run: ({ place }) => {
      seen[place] = currentScope().context.roles
      return null
    },
  })
  const part = defineAgent({
    name: 'part',
    input: z.object({ place: z.string() }),
    output: z.null(),
    run: (input, execution) => execution.call(note, input),
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      await execution.delegate(part, { place: 'all' })
      await execution.delegate(part, { place: 'some' }, { roles: ['reader'] })
      await execution.delegate(part, { place: 'none' }, { roles: [] })
      for (const roles of [['admin'], ['reader', 'admin'], 'reader', null, [5]]) {
        const options = untyped<DelegateOptions>({ roles })
        expect(
          await caught(() => execution.delegate(part, { place: 'more' }, options)),
        ).toMatchObject({
          name: 'TypeError',
          message: expect.stringContaining(
            'The agent "agent" cannot delegate to "part" with the role',
          ),
        })
      }
      return execution.call(note, { place: 'after' })
    },
  })
  const engine = engineOf([agent], { logger })
  await users.run({ ...alice, roles: ['reader', 'writer'] }, async () => {
    const events = await runToEnd(engine, 'agent')
    expect(events.at(-1)).toMatchObject({ type: 'agent_completed' })
    // Whoever is refused has not begun.
    expect(typesOf(events).filter((type) => type === 'subagent_started')).toHaveLength(3)
  })
  expect(seen).toEqual({
    all: ['reader', 'writer'],
    some: ['reader'],
    none: [],
    after: ['reader', 'writer'],
  })
  expect(logger.entries).toEqual([])
})

test('a tool and a step have scopes of their own: what they defer is done when they end, not when the run does', async () => {
  const order: string[] = []
  const tool = defineTool({
    name: 'tool',
    input: empty,
    output: z.null(),
    run: () => {
      currentScope().defer(() => order.push('tool is cleaned up'))
      order.push('tool')
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      currentScope().defer(() => order.push('agent is cleaned up'))
      await execution.call(tool, {})
      order.push('agent')
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, () => runToEnd(engine, 'agent'))
  expect(order).toEqual(['tool', 'tool is cleaned up', 'agent', 'agent is cleaned up'])
})

test('a cleanup can still tell something: it is part of the story', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => {
      currentScope().defer(() => execution.text('tidied up'))
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expect(typesOf(events)).toEqual(['agent_started', 'agent_text', 'agent_completed'])
  })
})

test('many parallel delegations and calls of one run end in one story', async () => {
  const look = defineTool({ name: 'look', input: empty, output: z.number(), run: async () => 1 })
  const part = defineAgent({
    name: 'part',
    input: empty,
    output: z.number(),
    run: async (_, execution) => {
      const calls = await Promise.all(Array.from({ length: 5 }, () => execution.call(look, {})))
      return calls.length
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.number(),
    run: async (_, execution) => {
      const parts = await Promise.all(
        Array.from({ length: 20 }, () => execution.delegate(part, {})),
      )
      return parts.length
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events).toHaveLength(2 + 20 * 2 + 100 * 2)
  })
})

test('many executions that wait for nothing give everybody else a turn, though each of them is short', async () => {
  const leaf = defineAgent({ name: 'leaf', input: empty, output: z.null(), run: () => null })
  const branch = defineAgent({
    name: 'branch',
    input: empty,
    output: z.null(),
    run: async (_input, agent) => {
      for (let part = 0; part < 20; part += 1) await agent.delegate(leaf, {})
      return null
    },
  })
  const trunk = defineAgent({
    name: 'trunk',
    input: empty,
    output: z.null(),
    run: async (_input, agent) => {
      for (let part = 0; part < 20; part += 1) await agent.delegate(branch, {})
      return null
    },
  })
  const engine = engineOf([trunk])
  let turns = 0
  const others = setInterval(() => {
    turns += 1
  }, 0)
  try {
    await users.run(alice, async () => {
      const { result } = await engine.start('trunk', {})
      expect(await result).toBe(null)
    })
  } finally {
    clearInterval(others)
  }
  // 420 operations, and a turn for every 128 of them.
  expect(turns).toBeGreaterThanOrEqual(3)
})
