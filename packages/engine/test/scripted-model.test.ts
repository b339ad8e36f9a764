import { tool, ToolLoopAgent, isStepCount } from 'ai'
import { tool as tool6, ToolLoopAgent as ToolLoopAgent6 } from 'ai-6'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool, type AgentEvent } from '../src/index.ts'
import { modelAgent, type ModelLimits } from '../src/model/index.ts'
import { scriptedModel, type Script } from '../src/testing/index.ts'
import { engineOf, expectOneStory, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { versions } from './support/mock-models.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const double = defineTool({
  name: 'double',
  input: z.object({ number: z.number() }),
  output: z.object({ doubled: z.number() }),
  run: ({ number }) => ({ doubled: number * 2 }),
})

const overloaded = Object.assign(new Error('overloaded'), { statusCode: 429, retryAfterMs: 1 })

function told(story: readonly AgentEvent[], wanted: 'agent_text' | 'agent_thinking'): string {
  const words = story.map(({ type, data }) => {
    if (type !== wanted) return ''
    return type === 'agent_text' ? data.delta : data.text
  })
  return words.join('')
}

describe.each(versions)('a scripted model of %s', (version) => {
  const modelOf = (script: Script): ReturnType<typeof scriptedModel<typeof version>> =>
    scriptedModel(script, { version })

  async function run(
    model: ReturnType<typeof modelOf>,
    options: { streams?: boolean; limits?: Partial<ModelLimits>; output?: z.ZodType } = {},
  ): Promise<AgentEvent[]> {
    const agent = modelAgent({ name: 'assistant', model, tools: [double], ...options })
    const engine = engineOf([agent])
    const story = await users.run(alice, () => runToEnd(engine, 'assistant', { message: 'Hello' }))
    expectOneStory(story)
    return story
  }

  test.each([true, false])(
    'thinks, asks for tools at once, and answers (streams: %s)',
    async (streams) => {
      const model = modelOf([
        {
          reasoning: 'Twice, then.',
          calls: [
            { tool: 'double', input: { number: 1 } },
            { tool: 'double', input: { number: 2 } },
          ],
        },
        { text: 'They are 2 and 4.', usage: { inputTokens: 7, outputTokens: 3 } },
      ])
      const story = await run(model, { streams })
      expect(told(story, 'agent_thinking')).toBe('Twice, then.')
      expect(told(story, 'agent_text')).toBe('They are 2 and 4.')
      expect(story.filter(({ type }) => type === 'tool_completed')).toHaveLength(2)
      expect(
        story.filter(({ type }) => type === 'usage_recorded').map(({ data }) => data),
      ).toMatchObject([
        { inputTokens: 10, outputTokens: 5 },
        { inputTokens: 7, outputTokens: 3 },
      ])
      expect(model.calls.map(({ step, attempt, owner }) => [step, attempt, owner?.userId])).toEqual(
        [
          [0, 1, 'alice'],
          [1, 1, 'alice'],
        ],
      )
      expect(model.calls[1]?.prompt.at(-1)).toMatchObject({
        role: 'tool',
        content: [{ output: { value: { doubled: 2 } } }, { output: { value: { doubled: 4 } } }],
      })
      expect(model.calls[0]?.options.tools).toMatchObject([{ name: 'double' }])
    },
  )

  test('a text comes word by word', async () => {
    const { stream } = await modelOf(['Good  morning, all']).doStream({ prompt: [] })
    const deltas: string[] = []
    for await (const piece of stream) if (piece.type === 'text-delta') deltas.push(piece.delta)
    expect(deltas).toEqual(['Good  ', 'morning, ', 'all'])
  })

  test('a function sees what it is asked, and may say everything', async () => {
    const model = modelOf(async (prompt, step) =>
      step === 0
        ? { calls: [{ tool: 'double', input: { number: prompt.length } }] }
        : JSON.stringify(prompt.at(-1)),
    )
    const story = await run(model)
    expect(told(story, 'agent_text')).toContain('"doubled":2')
  })

  test('each execution begins the script anew, however many there are at once and before', async () => {
    const model = modelOf([
      { calls: [{ tool: 'double', input: { number: 4 } }] },
      (prompt) => `It is ${JSON.stringify(prompt.at(-1)).includes('"doubled":8') ? 8 : 'unknown'}.`,
    ])
    const engine = engineOf([modelAgent({ name: 'assistant', model, tools: [double] })])
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        users.run({ userId: `user-${index % 7}` }, async () => {
          const threadId = `thread-${index % 7}`
          return (await engine.start('assistant', { message: 'Go' }, { threadId })).result
        }),
      ),
    )
    expect(results).toEqual(Array.from({ length: 20 }, () => ({ text: 'It is 8.' })))
    expect(model.calls).toHaveLength(40)
    // With the conversations of before in the prompts.
    expect(model.calls.some(({ prompt }) => prompt.length > 4)).toBe(true)
  })

  test('told that its answer does not fit, it goes on to the next step', async () => {
    const output = z.object({ total: z.number() })
    const model = modelOf(['None.', '{"total":"3"}', '{"total":3}'])
    const story = await run(model, { output })
    expect(story.at(-1)).toMatchObject({ data: { result: { total: 3 } } })
    expect(model.calls.map(({ step }) => step)).toEqual([0, 1, 2])
  })

  test('an error is thrown as it is, and a call made again may be answered otherwise', async () => {
    const model = modelOf([
      { error: overloaded, whenRetried: { error: overloaded, whenRetried: 'At last.' } },
    ])
    const story = await run(model)
    expect(told(story, 'agent_text')).toBe('At last.')
    expect(model.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    const refused = modelOf([{ error: overloaded }])
    expect((await run(refused)).at(-1)).toMatchObject({ data: { error: { code: 'MODEL_FAILED' } } })
    expect(refused.calls).toHaveLength(3)
    await expect(refused.doStream({ prompt: [] })).rejects.toBe(overloaded)
  })

  test.each([true, false])('a stalled model is given up (streams: %s)', async (streams) => {
    const limits = { firstPartMs: 20, idleMs: 20 }
    const silent = modelOf([{ stalls: true, whenRetried: 'Awake.' }])
    expect(told(await run(silent, { limits, streams }), 'agent_text')).toBe('Awake.')
    if (!streams) return
    const halfway = modelOf([{ text: 'Half an', stalls: true }])
    const story = await run(halfway, { limits })
    expect(told(story, 'agent_text')).toBe('Half an')
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_DEADLINE' } } })
  })

  test('a connection that is lost after so many pieces', async () => {
    const story = await run(modelOf([{ text: 'one two three', breaksAfter: 2 }]))
    expect(told(story, 'agent_text')).toBe('one two ')
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_FAILED' } } })
    const late = await run(modelOf([{ text: 'one', breaksAfter: 1 }]))
    expect(told(late, 'agent_text')).toBe('one')
    expect(late.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_FAILED' } } })
    const whole = modelOf([{ text: 'one', breaksAfter: 0, whenRetried: 'two' }])
    const again = await run(whole, { streams: false })
    expect(told(again, 'agent_text')).toBe('two')
  })

  test('arguments that are no JSON, and an answer that was cut off', async () => {
    const mistaken = await run(
      modelOf([{ calls: [{ tool: 'double', input: '{"number":' }] }, 'I see.']),
    )
    expect(typesOf(mistaken)).not.toContain('tool_executing')
    expect(told(mistaken, 'agent_text')).toBe('I see.')
    const cut = await run(modelOf([{ text: 'Half', finishReason: 'length' }]))
    expect(cut.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_OUTPUT_LIMIT' } } })
  })

  test('asked for more than the script holds, it says for which step', async () => {
    const story = await run(modelOf([{ calls: [{ tool: 'double', input: { number: 1 } }] }]))
    expect(story.at(-1)).toMatchObject({
      data: {
        error: {
          code: 'SCRIPT_ENDED',
          message: 'The script holds 1 steps, and the model is asked for step 2.',
        },
      },
    })
  })

  test('a function that answers what is no answer is told so', async () => {
    const model = modelOf(() => untyped({ says: 'x' }))
    expect((await run(model)).at(-1)).toMatchObject({
      data: { error: { code: 'SCRIPT_INVALID' } },
    })
  })

  test('takes its time where it is told to', async () => {
    let turns = 0
    const model = scriptedModel(['one two'], { version, pace: async () => (turns += 1) })
    await run(model)
    // Before it begins, and before each of: start, text, two words, end of the text, end.
    expect(turns).toBe(7)
  })
})

test('the AI SDK’s own loop takes it, in both majors, and repeats a call as itself does', async () => {
  const inputSchema = z.object({ number: z.number() })
  const execute = ({ number }: { number: number }): string => `${number * 2}`
  const script: Script = [
    { reasoning: 'Hm.', calls: [{ tool: 'double', input: { number: 21 } }] },
    (prompt) => (JSON.stringify(prompt.at(-1)).includes('42') ? 'It is 42.' : 'Unknown.'),
  ]
  const model = scriptedModel(script, { version: 'v4' })
  const agent = new ToolLoopAgent({
    model,
    tools: { double: tool({ inputSchema, execute }) },
    stopWhen: isStepCount(5),
  })
  expect((await agent.generate({ prompt: 'x' })).text).toBe('It is 42.')
  const streamed = await agent.stream({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'y' },
      { role: 'user', content: 'z' },
    ],
  })
  expect(await streamed.text).toBe('It is 42.')
  expect(model.calls.map(({ step }) => step)).toEqual([0, 1, 0, 1])

  const model6 = scriptedModel(script)
  const agent6 = new ToolLoopAgent6({
    model: model6,
    tools: { double: tool6({ inputSchema, execute }) },
  })
  expect((await agent6.generate({ prompt: 'x' })).text).toBe('It is 42.')
  expect(await (await agent6.stream({ prompt: 'x' })).text).toBe('It is 42.')
  expect(model6.calls.map(({ step, owner }) => [step, owner])).toEqual(
    [0, 1, 0, 1].map((step) => [step, undefined]),
  )
})

test('what an ended call was asked is still there', async () => {
  const model = scriptedModel(['x'])
  const engine = engineOf([modelAgent({ name: 'assistant', model })])
  await users.run(alice, async () => {
    const { runId } = await engine.start('assistant', { message: 'Hello' })
    await storyOf(engine, runId)
  })
  expect(model.calls[0]?.prompt).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
  ])
})

test.each([
  [[], /at least one/],
  ['x', /function or an array/],
  [[1], /Step 1/],
  [['x', { says: 'x' }], /Step 2.*says/s],
  [[{}], /Step 1/],
  [[{ text: 'x', breaksAfter: -1 }], /Step 1.*breaksAfter/s],
  [[{ calls: [{ name: 'x' }] }], /Step 1.*tool/s],
  [[{ error: 1, whenRetried: 2 }], /Step 1.*whenRetried/s],
])('a script that is none is refused: %j', (script, message) => {
  expect(() => scriptedModel(untyped(script))).toThrow(message)
  expect(() => scriptedModel(untyped(script))).toThrow(TypeError)
})

test('a tool may be asked for without arguments', async () => {
  const { content } = await scriptedModel([{ calls: [{ tool: 'look' }] }]).doGenerate({
    prompt: [],
  })
  expect(content).toMatchObject([{ toolName: 'look', input: '{}' }])
})

test('an option that there is not is refused', () => {
  expect(() => scriptedModel(['x'], untyped<{ version: 'v3' }>({ verison: 'v4' }))).toThrow(
    /verison/,
  )
  expect(() => scriptedModel(['x'], untyped<{ version: 'v3' }>({ version: 'v2' }))).toThrow(
    /'v3' or 'v4'/,
  )
})
