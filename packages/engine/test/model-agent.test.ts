import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineTool, type AgentEvent } from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { deferred } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, typesOf } from './support/engine.ts'
import { asked, finish, mockModel, said, versions } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const double = defineTool({
  name: 'double',
  description: 'Doubles a number.',
  input: z.object({ number: z.number() }),
  output: z.object({ doubled: z.number(), by: z.string() }),
  run: ({ number }) => ({ doubled: number * 2, by: users.current().userId }),
})

/** Runs the agent for alice, with a message. */
async function run(
  agent: Parameters<typeof engineOf>[0][number],
  input: unknown = { message: 'Hello' },
): Promise<AgentEvent[]> {
  const engine = engineOf([agent])
  const story = await users.run(alice, () => runToEnd(engine, agent.name, input))
  expectOneStory(story)
  await expectNothingLeft(engine)
  return story
}

const textOf = (story: readonly AgentEvent[]): string =>
  story.map((event) => (event.type === 'agent_text' ? event.data.delta : '')).join('')

describe.each(versions)('with a model of the specification %s', (version) => {
  test('text comes as events while the model speaks, and is the result', async () => {
    const model = mockModel(version, () => said('Hel', 'lo ', 'you'))
    const story = await run(modelAgent({ name: 'assistant', model, instructions: 'Be kind.' }))
    expect(textOf(story)).toBe('Hello you')
    expect(story.at(-1)).toMatchObject({
      type: 'agent_completed',
      data: { result: { text: 'Hello you' } },
    })
    expect(model.prompts).toEqual([
      [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      ],
    ])
  })

  test('a tool that the model asks for runs as its user, and its result goes back', async () => {
    const model = mockModel(version, (_, call) =>
      call === 0 ? asked(['double', { number: 21 }]) : said('It is 42.'),
    )
    const story = await run(modelAgent({ name: 'assistant', model, tools: [double] }))
    expect(typesOf(story)).toEqual([
      'agent_started',
      'usage_recorded',
      'tool_executing',
      'tool_completed',
      'agent_text',
      'usage_recorded',
      'agent_completed',
    ])
    expect(model.prompts[1]).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', toolCallId: 'asked-0', toolName: 'double', input: { number: 21 } },
        ],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'asked-0',
            toolName: 'double',
            output: { type: 'json', value: { doubled: 42, by: 'alice' } },
          },
        ],
      },
    ])
    expect(model.doStreamCalls[0]?.tools).toEqual([
      {
        type: 'function',
        name: 'double',
        description: 'Doubles a number.',
        inputSchema: {
          $schema: 'http://json-schema.org/draft-07/schema#',
          type: 'object',
          properties: { number: { type: 'number' } },
          required: ['number'],
          additionalProperties: false,
        },
      },
    ])
  })

  test('thoughts are told a line at a time, before what follows them', async () => {
    const model = mockModel(version, () => [
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: 'First this.\nThen' },
      { type: 'reasoning-delta', id: '0', delta: ' that.' },
      { type: 'reasoning-end', id: '0', providerMetadata: { mock: { signature: 'abc' } } },
      ...said('Done.'),
    ])
    const story = await run(modelAgent({ name: 'assistant', model }))
    expect(story.flatMap(({ type, data }) => (type === 'agent_thinking' ? [data] : []))).toEqual([
      { text: 'First this.', step: 1 },
      { text: 'Then that.', step: 2 },
    ])
    expect(typesOf(story).indexOf('agent_text')).toBeGreaterThan(
      typesOf(story).lastIndexOf('agent_thinking'),
    )
  })

  test('what the provider signed goes back to it', async () => {
    const model = mockModel(version, (_, call) =>
      call === 0
        ? [
            { type: 'reasoning-start', id: '0' },
            { type: 'reasoning-delta', id: '0', delta: 'Hm.' },
            { type: 'reasoning-end', id: '0', providerMetadata: { mock: { signature: 'abc' } } },
            {
              type: 'tool-call',
              toolCallId: '1',
              toolName: 'double',
              input: '{"number":1}',
              providerMetadata: { mock: { item: 'x' } },
            },
            finish('tool-calls'),
          ]
        : said('2'),
    )
    await run(modelAgent({ name: 'assistant', model, tools: [double] }))
    expect(model.prompts[1]).toMatchObject([
      {},
      {
        role: 'assistant',
        content: [
          {
            type: 'reasoning',
            text: 'Hm.',
            providerOptions: { mock: { signature: 'abc' } },
          },
          { type: 'tool-call', providerOptions: { mock: { item: 'x' } } },
        ],
      },
      {},
    ])
  })

  test('tool calls of one answer run at once, and are answered in the order of asking', async () => {
    const gates = [deferred(), deferred(), deferred()]
    const begun: number[] = []
    const wait = defineTool({
      name: 'wait',
      input: z.object({ turn: z.number() }),
      output: z.object({ turn: z.number() }),
      run: async ({ turn }) => {
        begun.push(turn)
        // The last one to be asked ends first.
        if (begun.length === 3) gates[2]?.resolve()
        await gates[turn]?.promise
        gates[turn - 1]?.resolve()
        return { turn }
      },
    })
    const model = mockModel(version, (_, call) =>
      call === 0
        ? asked(['wait', { turn: 0 }], ['wait', { turn: 1 }], ['wait', { turn: 2 }])
        : said('ok'),
    )
    const story = await run(modelAgent({ name: 'assistant', model, tools: [wait] }))
    expect(begun).toEqual([0, 1, 2])
    const prompt = JSON.stringify(model.prompts[1])
    expect([...prompt.matchAll(/"value":\{"turn":(\d)\}/g)].map(([, turn]) => turn)).toEqual([
      '0',
      '1',
      '2',
    ])
    const executing = story.flatMap(({ type, data }) =>
      type === 'tool_executing' ? [data.input] : [],
    )
    expect(executing).toEqual([{ turn: 0 }, { turn: 1 }, { turn: 2 }])
  })

  test('no more tools run at once than the limit says', async () => {
    let running = 0
    let most = 0
    const slow = defineTool({
      name: 'slow',
      input: z.object({}),
      output: z.null(),
      run: async () => {
        most = Math.max(most, (running += 1))
        await new Promise((resolve) => setTimeout(resolve, 2))
        running -= 1
        return null
      },
    })
    const model = mockModel(version, (_, call) =>
      call === 0
        ? asked(...Array.from({ length: 7 }, () => ['slow', {}] as [string, unknown]))
        : said('ok'),
    )
    await run(
      modelAgent({ name: 'assistant', model, tools: [slow], limits: { parallelToolCalls: 2 } }),
    )
    expect(most).toBe(2)
  })

  test('a tool that fails is an answer to the model, with what is for the user alone', async () => {
    const broken = defineTool({
      name: 'broken',
      input: z.object({ how: z.string() }),
      output: z.null(),
      run: ({ how }) => {
        if (how === 'told') throw new AgentError('NO_FOLDER', 'There is no such folder.')
        throw new Error('password=hunter2')
      },
    })
    const model = mockModel(version, (_, call) =>
      call === 0
        ? asked(['broken', { how: 'told' }], ['broken', { how: 'secret' }])
        : said('Sorry.'),
    )
    const story = await run(modelAgent({ name: 'assistant', model, tools: [broken] }))
    expect(story.at(-1)?.type).toBe('agent_completed')
    expect(JSON.stringify(model.prompts)).not.toContain('hunter2')
    expect(model.prompts[1]).toMatchObject([
      {},
      {},
      {
        role: 'tool',
        content: [
          { output: { type: 'error-text', value: 'NO_FOLDER: There is no such folder.' } },
          { output: { type: 'error-text', value: expect.stringMatching(/^TOOL_FAILED: /) } },
        ],
      },
    ])
  })

  test.each([
    ['length', 'MODEL_OUTPUT_LIMIT'],
    ['content-filter', 'MODEL_FILTERED'],
    ['error', 'MODEL_FAILED'],
    ['interrupted', 'MODEL_FAILED'],
    ['tool-calls', 'MODEL_FAILED'],
    ['something new', 'MODEL_FAILED'],
  ])('an answer that finishes with "%s" is the failure %s', async (reason, code) => {
    const model = mockModel(version, () => [...said('half an ans').slice(0, -1), finish(reason)])
    const story = await run(modelAgent({ name: 'assistant', model }))
    expect(story.at(-1)).toMatchObject({ type: 'agent_error', data: { error: { code } } })
  })

  test('an answer whose end nobody heard is a failure, and one with a reason of its own is none', async () => {
    const unheard = mockModel(version, () => [
      ...said('half').slice(0, -1),
      { ...finish('other'), finishReason: { unified: 'other', raw: undefined } },
    ])
    const failed = await run(modelAgent({ name: 'assistant', model: unheard }))
    expect(failed.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_FAILED' } } })
    const paused = mockModel(version, () => [...said('whole').slice(0, -1), finish('other', 'eos')])
    const completed = await run(modelAgent({ name: 'assistant', model: paused }))
    expect(completed.at(-1)).toMatchObject({ data: { result: { text: 'whole' } } })
  })

  test('a model that only ever asks for tools is stopped, before the last ones run', async () => {
    let calls = 0
    const again = defineTool({
      name: 'again',
      input: z.object({}),
      output: z.number(),
      run: () => (calls += 1),
    })
    const model = mockModel(version, () => asked(['again', {}]))
    const story = await run(modelAgent({ name: 'assistant', model, tools: [again], maxSteps: 3 }))
    expect(story.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'MODEL_STEP_LIMIT' } },
    })
    expect([model.doStreamCalls.length, calls]).toEqual([3, 2])
  })

  test.each([
    ['there is no such tool', ['nothing', {}] as const, /There is no tool "nothing".*double/],
    ['the arguments are no JSON', ['double', '{"number": 2'] as const, /are no JSON/],
    ['the arguments do not fit', ['double', { number: 'two' }] as const, /number/],
  ])('the model is told that %s, and may do better', async (_title, call, message) => {
    const model = mockModel(version, (_, index) => (index === 0 ? asked([...call]) : said('ok')))
    const story = await run(modelAgent({ name: 'assistant', model, tools: [double] }))
    expect(story.at(-1)?.type).toBe('agent_completed')
    expect(model.prompts[1]).toMatchObject([
      {},
      {},
      { content: [{ output: { type: 'error-text', value: expect.stringMatching(message) } }] },
    ])
  })

  test('a model that goes on making mistakes is stopped', async () => {
    const model = mockModel(version, () => asked(['double', 'garbage'], ['nothing', {}]))
    const story = await run(
      modelAgent({ name: 'assistant', model, tools: [double], limits: { mistakes: 3 } }),
    )
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_MISTAKEN' } } })
    expect(model.doStreamCalls).toHaveLength(2)
  })

  test('a long result of a tool is cut for the model, and says so', async () => {
    const long = defineTool({
      name: 'long',
      input: z.object({}),
      output: z.array(z.string()),
      run: () => Array.from({ length: 100 }, () => 'word'),
    })
    const model = mockModel(version, (_, call) => (call === 0 ? asked(['long', {}]) : said('ok')))
    await run(
      modelAgent({ name: 'assistant', model, tools: [long], limits: { resultCharacters: 50 } }),
    )
    expect(JSON.stringify(model.prompts[1])).toContain('… (701 characters)')
  })

  test('an answer can be data: asked for as JSON, checked, and sent back where it does not fit', async () => {
    const answers = ['{"total": "many"}', 'Sure! Here it is.', '```json\n{"total": 3}\n```']
    const model = mockModel(version, (_, call) => said(answers[call] ?? ''))
    const agent = modelAgent({
      name: 'counter',
      model,
      input: z.object({ text: z.string(), unit: z.string() }),
      output: z.object({ total: z.number() }),
    })
    const story = await run(agent, { text: 'a b c', unit: 'words' })
    expect(story.at(-1)).toMatchObject({ data: { result: { total: 3 } } })
    expect(typesOf(story)).not.toContain('agent_text')
    expect(model.doStreamCalls[0]?.responseFormat).toMatchObject({
      type: 'json',
      schema: { type: 'object', properties: { total: { type: 'number' } } },
    })
    expect(model.prompts[0]).toEqual([
      { role: 'user', content: [{ type: 'text', text: '{"text":"a b c","unit":"words"}' }] },
    ])
    expect(JSON.stringify(model.prompts[1])).toContain('does not fit its schema. total: ')
    expect(JSON.stringify(model.prompts[2])).toContain('Your answer is no JSON')
  })

  test('a model that never gives the data fails, and is not believed', async () => {
    const model = mockModel(version, () => said('{}'))
    const story = await run(
      modelAgent({
        name: 'counter',
        model,
        output: z.object({ total: z.number() }),
        limits: { mistakes: 1 },
      }),
    )
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_MISTAKEN' } } })
  })

  test('a tool of the provider is told of, and neither run here nor left open', async () => {
    const search = { toolCallId: 'p1', toolName: 'web_search' }
    const model = mockModel(version, (_, call) =>
      call === 0
        ? [
            {
              type: 'tool-call',
              ...search,
              input: '{"query":"x"}',
              providerExecuted: true,
            },
            { type: 'tool-result', ...search, result: { hits: 1 }, preliminary: true },
            { type: 'tool-result', ...search, result: { hits: 2 } },
            { type: 'tool-call', toolCallId: 'c1', toolName: 'double', input: '{"number":2}' },
            finish('tool-calls'),
          ]
        : said('Found.'),
    )
    const story = await run(
      modelAgent({
        name: 'assistant',
        model,
        tools: [double],
        providerTools: [{ type: 'provider', id: 'mock.web_search', name: 'web_search', args: {} }],
      }),
    )
    expect(
      story.flatMap(({ type, data }) => (type === 'tool_completed' ? [data] : [])),
    ).toMatchObject([
      { tool: 'web_search', ok: true, result: { hits: 2 } },
      { tool: 'double', ok: true },
    ])
    expect(model.prompts[1]).toMatchObject([
      {},
      {
        content: [
          { type: 'tool-call', toolName: 'web_search', providerExecuted: true },
          { type: 'tool-result', output: { type: 'json', value: { hits: 2 } } },
          { type: 'tool-call', toolName: 'double' },
        ],
      },
      { role: 'tool', content: [{ toolCallId: 'c1' }] },
    ])
  })

  test('settings and the choice of a tool reach the model, the choice for the first step only', async () => {
    const model = mockModel(version, (_, call) =>
      call === 0 ? asked(['double', { number: 1 }]) : said('2'),
    )
    await run(
      modelAgent({
        name: 'assistant',
        model,
        tools: [double],
        toolChoice: { type: 'required' },
        settings: { temperature: 0.5, maxOutputTokens: 100 },
      }),
    )
    expect(model.doStreamCalls[0]).toMatchObject({
      temperature: 0.5,
      maxOutputTokens: 100,
      toolChoice: { type: 'required' },
    })
    expect(model.doStreamCalls[1]?.toolChoice).toEqual({ type: 'auto' })
  })

  test('a file reaches the model as its version has it', async () => {
    const model = mockModel(version, () => said('A cat.'))
    const data = new Uint8Array([1, 2, 3])
    await run(
      modelAgent({
        name: 'assistant',
        model,
        prompt: ({ message }) => [
          { type: 'text', text: message },
          { type: 'file', mediaType: 'image/png', data },
        ],
      }),
    )
    expect(model.prompts[0]).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hello' },
          {
            type: 'file',
            mediaType: 'image/png',
            data: version === 'v3' ? data : { type: 'data', data },
          },
        ],
      },
    ])
  })
})
