import { afterEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  AgentRegistry,
  defineAgent,
  defineTool,
  type AgentDefinition,
  type AgentEvent,
  type UserExecutionEngine,
} from '../src/index.ts'
import { agentTool, handoff, modelAgent, type LanguageModel } from '../src/model/index.ts'
import { caught } from './support/caught.ts'
import { crowd, seed } from './support/crowd.ts'
import { engineOf, expectOneStory, runToEnd, typesOf } from './support/engine.ts'
import { asked, mockModel, said, versions } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const researcher = defineAgent({
  name: 'researcher',
  description: 'Finds things out.',
  input: z.object({ about: z.string() }),
  output: z.object({ found: z.string(), by: z.string(), roles: z.array(z.string()) }),
  run: ({ about }) => {
    const { userId, roles } = users.current()
    return { found: `${about} of ${userId}`, by: userId, roles: [...roles] }
  },
})

const support = defineAgent({
  name: 'support',
  input: z.object({ message: z.string() }),
  output: z.object({ text: z.string() }),
  run: async ({ message }, agent) => {
    await agent.text('I take over. ')
    return { text: `${users.current().userId}: ${message}` }
  },
})

let engine: UserExecutionEngine

async function run(
  agents: readonly AgentDefinition[],
  context: Parameters<typeof users.run>[0] = alice,
): Promise<AgentEvent[]> {
  engine = engineOf(agents)
  const [first] = agents
  const story = await users.run(context, () =>
    runToEnd(engine, first?.name ?? '', { message: 'Help' }),
  )
  expectOneStory(story)
  return story
}

afterEach(async () => {
  await expectNothingLeft(engine)
})

const resultOf = (story: readonly AgentEvent[]): unknown => story.at(-1)?.data

describe.each(versions)('with a model of the specification %s', (version) => {
  test('a model delegates to an agent as it calls a tool, and is told what came of it', async () => {
    const model = mockModel(version, (_, call) =>
      call === 0 ? asked(['researcher', { about: 'the weather' }]) : said('Sunny.'),
    )
    const lead = modelAgent({ name: 'lead', model, tools: [agentTool(researcher)] })
    const story = await run([lead])
    expect(typesOf(story)).toEqual([
      'agent_started',
      'usage_recorded',
      'subagent_started',
      'subagent_completed',
      'agent_text',
      'usage_recorded',
      'agent_completed',
    ])
    expect(story[2]).toMatchObject({ agent: 'lead', data: { agent: 'researcher' } })
    expect(model.doStreamCalls[0]?.tools).toMatchObject([
      {
        name: 'researcher',
        description: 'Finds things out.',
        inputSchema: { required: ['about'] },
      },
    ])
    expect(model.prompts[1]).toContainEqual({
      role: 'tool',
      content: [
        expect.objectContaining({
          output: {
            type: 'json',
            value: { found: 'the weather of alice', by: 'alice', roles: [] },
          },
        }),
      ],
    })
  })

  test('a model hands over: what the other agent returns is the result, and it is not asked again', async () => {
    const model = mockModel(version, () => asked(['support', { message: 'a refund' }]))
    // One step, as whoever only sends people on needs.
    const desk = modelAgent({ name: 'desk', model, maxSteps: 1, tools: [handoff(support)] })
    const story = await run([desk])
    expect(model.prompts).toHaveLength(1)
    expect(resultOf(story)).toMatchObject({ result: { text: 'alice: a refund' } })
    expect(typesOf(story)).toEqual([
      'agent_started',
      'usage_recorded',
      'subagent_started',
      'agent_text',
      'subagent_completed',
      'agent_completed',
    ])
  })
})

describe('delegating', () => {
  test('some at once, beside tools, answered in the order of asking', async () => {
    const clock = defineTool({
      name: 'clock',
      input: z.object({}),
      output: z.object({ hour: z.number() }),
      run: () => ({ hour: 12 }),
    })
    const model = mockModel('v4', (_, call) =>
      call === 0
        ? asked(['researcher', { about: 'one' }], ['clock', {}], ['researcher', { about: 'two' }])
        : said('Done.'),
    )
    await run([modelAgent({ name: 'lead', model, tools: [agentTool(researcher), clock] })])
    const told = model.prompts[1]
    expect(JSON.stringify(told)).toMatch(/one of alice.*"hour":12.*two of alice/)
  })

  test('with fewer roles than its caller has, and never with more', async () => {
    const narrowed = agentTool(researcher, { roles: ['reader'] })
    const answers = (_: unknown, call: number): ReturnType<typeof said> =>
      call === 0 ? asked(['researcher', { about: 'all' }]) : said('Done.')
    const model = mockModel('v4', answers)
    const lead = modelAgent({ name: 'lead', model, tools: [narrowed] })
    await run([lead], { userId: 'alice', roles: ['reader', 'writer'] })
    expect(JSON.stringify(model.prompts[1])).toContain('"roles":["reader"]')
    const wider = mockModel('v4', answers)
    const story = await run([modelAgent({ name: 'lead', model: wider, tools: [narrowed] })])
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'AGENT_FAILED' } },
    })
    expect(wider.prompts).toHaveLength(1)
  })

  test('by name, to an agent that leads back here; a circle ends the run, and is not gone round again', async () => {
    const models: ReturnType<typeof mockModel>[] = []
    const circle = (name: string, other: string): AgentDefinition => {
      const model = mockModel('v4', () => asked([other, { message: 'you do it' }]))
      models.push(model)
      return modelAgent({
        name,
        model,
        tools: [agentTool(other), handoff(other, { name: 'over' })],
        maxSteps: 2,
      })
    }
    const story = await run([circle('ping', 'pong'), circle('pong', 'ping')])
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'DELEGATION_TOO_DEEP' } },
    })
    expect(models.reduce((times, { prompts }) => times + prompts.length, 0)).toBe(9)
  })

  test('an agent whose name nobody has registered is missed when the registry is frozen', () => {
    engine = engineOf([researcher])
    const lead = modelAgent({
      name: 'lead',
      model: mockModel('v4', () => said('Never.')),
      tools: [agentTool('nobody')],
    })
    expect(() => new AgentRegistry().register(lead).freeze()).toThrow(
      expect.objectContaining({ code: 'MISSING_DEPENDENCY' }),
    )
  })

  test('what is missing further down is missed when the registry is frozen, and a circle there is none', async () => {
    const model = mockModel('v4', () => said('Never.'))
    const deep = defineAgent({
      name: 'deep',
      input: z.object({}),
      output: z.null(),
      requires: ['tool:search', 'agent:lead'],
      delegates: [researcher, 'critic'],
      run: () => null,
    })
    const inner = modelAgent({ name: 'inner', model, tools: [agentTool(deep), handoff('nobody')] })
    const lead = modelAgent({ name: 'lead', model, tools: [agentTool(inner)] })
    const missing = await caught(async () => new AgentRegistry().register(lead).freeze())
    expect(missing).toMatchObject({ code: 'MISSING_DEPENDENCY' })
    for (const what of [
      '"deep" requires tool:search',
      '"deep" delegates to agent:critic',
      '"inner" delegates to agent:nobody',
    ]) {
      expect(String(missing)).toContain(what)
    }
    const named = (name: string): AgentDefinition => modelAgent({ name, model })
    const registry = new AgentRegistry().register(lead).register(named('critic'))
    registry.register(named('nobody')).provide('tool:search').freeze()
    engine = engineOf([researcher])
  })

  test('what the model asks for wrongly, and what fails, it is told', async () => {
    const failing = defineAgent({
      name: 'failing',
      input: z.object({ about: z.string() }),
      output: z.null(),
      run: () => {
        throw new AgentError('NO_LUCK', 'Try somebody else.')
      },
    })
    const model = mockModel('v4', (_, call) => {
      if (call === 0) return asked(['failing', { about: 1 }])
      return call === 1 ? asked(['failing', { about: 'x' }]) : said('I tried.')
    })
    const lead = modelAgent({ name: 'lead', model, tools: [agentTool(failing)] })
    const story = await run([lead])
    expect(story.at(-1)).toMatchObject({ type: 'agent_completed' })
    expect(JSON.stringify(model.prompts[1])).toContain('does not fit its schema')
    expect(JSON.stringify(model.prompts[2])).toContain('NO_LUCK: Try somebody else.')
  })
})

describe('handing over', () => {
  test('is the only call of its step: otherwise nothing is called, and the model is told', async () => {
    let called = 0
    const counting = defineTool({
      name: 'counting',
      input: z.object({}),
      output: z.null(),
      run: () => {
        called += 1
        return null
      },
    })
    const model = mockModel('v4', (_, call) =>
      call === 0 ? asked(['counting', {}], ['support', { message: 'both' }]) : said('Then not.'),
    )
    const desk = modelAgent({ name: 'desk', model, tools: [counting, handoff(support)] })
    const story = await run([desk])
    expect(called).toBe(0)
    expect(typesOf(story)).not.toContain('subagent_started')
    expect(JSON.stringify(model.prompts[1])).toContain('the only call of a step')
    expect(resultOf(story)).toMatchObject({ result: { text: 'Then not.' } })
  })

  test('to what returns something else is a failure, never a success', async () => {
    const model = mockModel('v4', () => asked(['researcher', { about: 'x' }]))
    const desk = modelAgent({ name: 'desk', model, tools: [handoff(researcher)] })
    const story = await run([desk])
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'INVALID_OUTPUT' } },
    })
  })

  test('is a turn of the conversation, and the answer is remembered', async () => {
    const model = mockModel('v4', (_, call) =>
      call === 0 ? asked(['support', { message: 'a refund' }]) : said('As I said.'),
    )
    engine = engineOf([modelAgent({ name: 'desk', model, tools: [handoff(support)] })])
    await users.run({ ...alice, threadId: 'thread-1' }, async () => {
      await runToEnd(engine, 'desk', { message: 'Help' })
      await runToEnd(engine, 'desk', { message: 'Sure?' })
    })
    expect(model.prompts[1]).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Help' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'alice: a refund' }] },
      { role: 'user', content: [{ type: 'text', text: 'Sure?' }] },
    ])
  })
})

test('what was handed over and does not fit is no answer, and is not remembered', async () => {
  const model = mockModel('v4', (_, call) =>
    call === 0 ? asked(['researcher', { about: 'x' }]) : said('Hello.'),
  )
  engine = engineOf([modelAgent({ name: 'desk', model, tools: [handoff(researcher)] })])
  await users.run({ ...alice, threadId: 'thread-1' }, async () => {
    const failed = await runToEnd(engine, 'desk', { message: 'Help' })
    expect(failed.at(-1)).toMatchObject({ data: { error: { code: 'INVALID_OUTPUT' } } })
    await runToEnd(engine, 'desk', { message: 'Again' })
  })
  expect(model.prompts[1]).toEqual([{ role: 'user', content: [{ type: 'text', text: 'Again' }] }])
})

test('two things that the model may ask for have two names, and what is no agent is refused', async () => {
  engine = engineOf([researcher])
  const model = mockModel('v4', () => said('Never.'))
  const twice = (): unknown =>
    modelAgent({ name: 'lead', model, tools: [agentTool(researcher), handoff(researcher)] })
  expect(await caught(async () => twice())).toMatchObject({ code: 'DUPLICATE_TOOL' })
  for (const tools of [
    [agentTool('critic'), handoff('critic')],
    [agentTool(researcher), handoff('researcher')],
  ]) {
    const again = await caught(async () => modelAgent({ name: 'lead', model, tools }))
    expect(again).toMatchObject({ code: 'DUPLICATE_TOOL' })
  }
  const renamed = handoff(researcher, { name: 'take_over', description: 'Takes over.' })
  expect(() =>
    modelAgent({ name: 'lead', model, tools: [agentTool(researcher), renamed] }),
  ).not.toThrow()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as plain JavaScript would
  for (const wrong of [{}, null, 'no name', 1] as unknown as AgentDefinition[]) {
    expect(() => agentTool(wrong)).toThrow(TypeError)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  for (const wrong of [
    { role: ['reader'] },
    { roles: 'reader' },
    { roles: [1] },
    null,
  ] as object[]) {
    expect(() => handoff(researcher, wrong)).toThrow(TypeError)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const bare = researcher as unknown as ReturnType<typeof agentTool>
  expect(() => modelAgent({ name: 'lead', model, tools: [bare] })).toThrow(
    /agentTool\(researcher\)/,
  )
})

test(`users who delegate and hand over at once see their own (seed ${seed})`, async () => {
  // One model for all: what it asks for next, it knows from its prompt.
  const model = (hands: boolean): LanguageModel =>
    mockModel('v4', ({ prompt }) => {
      const text = JSON.stringify(prompt)
      const canary = /canary\(\d+\)/.exec(text)?.[0] ?? 'none'
      if (text.includes('"role":"tool"')) return said(`Told ${canary}.`)
      return asked(hands ? ['support', { message: canary }] : ['researcher', { about: canary }])
    })
  const lead = modelAgent({ name: 'lead', model: model(false), tools: [agentTool(researcher)] })
  const desk = modelAgent({ name: 'desk', model: model(true), tools: [handoff(support)] })
  engine = engineOf([lead, desk])
  const report = await crowd({
    count: 30,
    seed,
    visit: async ({ canary, giveWay, index }) => {
      const stories: AgentEvent[][] = []
      for (const agent of index % 2 === 0 ? ['lead', 'desk'] : ['desk', 'lead']) {
        await giveWay()
        stories.push(await runToEnd(engine, agent, { message: canary }))
      }
      return stories
    },
  })
  expect(report).toMatchObject({ foreign: [], own: 30, failures: [] })
})
