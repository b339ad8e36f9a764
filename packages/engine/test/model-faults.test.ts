import { describe, expect, test } from 'vitest'
import { defineTool, type AgentDefinition, type AgentEvent } from '../src/index.ts'
import { modelAgent, type LanguageModel, type ModelAgentOptions } from '../src/model/index.ts'
import * as z from 'zod'
import { aborted, deferred, until } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf } from './support/engine.ts'
import { asked, mockModel, said, versions, type Part } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const retry = { baseMs: 1, maxMs: 50 }
const input = { message: 'Hello' }

/** Runs the agent for alice to its end. */
async function run(
  agent: AgentDefinition,
  logger: RecordingLogger = new RecordingLogger(),
): Promise<AgentEvent[]> {
  const engine = engineOf([agent], { logger, limits: { abortGraceMs: 40 } })
  const story = await users.run(alice, () => runToEnd(engine, agent.name, input))
  expectOneStory(story)
  await expectNothingLeft(engine)
  return story
}

function agentOf(model: LanguageModel, options: Partial<ModelAgentOptions> = {}): AgentDefinition {
  return modelAgent({ name: 'assistant', model, retry, ...options })
}

/** As provider packages throw them. */
function apiError(statusCode: number, responseHeaders: Record<string, string> = {}): Error {
  return Object.assign(new Error(`secret of the provider ${statusCode}`), {
    statusCode,
    responseHeaders,
    isRetryable: statusCode === 429 || statusCode >= 500,
  })
}

const failedWith = (code: string): object => ({
  type: 'agent_error',
  data: { error: { code } },
})

/** A stream that says this, and then nothing more, until it is cancelled. */
function stalledAfter(parts: readonly Part[], onCancel: () => void): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
    },
    cancel: onCancel,
  })
}

describe.each(versions)('with a model of the specification %s', (version) => {
  test.each([429, 500, 503])('an error %i that passes is tried again', async (status) => {
    const model = mockModel(version, (_, call) => {
      if (call < 2) throw apiError(status)
      return said('At last.')
    })
    const logger = new RecordingLogger()
    const story = await run(agentOf(model), logger)
    expect(story.at(-1)).toMatchObject({ data: { result: { text: 'At last.' } } })
    const tries = logger.entries.filter(({ message }) => message.startsWith('model'))
    expect(tries.map(({ message }) => message)).toEqual([
      'model failed and is tried again',
      'model failed and is tried again',
    ])
  })

  test('an error that stays fails the run, and says no more than the log may', async () => {
    const model = mockModel(version, () => {
      throw apiError(500)
    })
    const logger = new RecordingLogger()
    const story = await run(agentOf(model), logger)
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
    expect(model.doStreamCalls).toHaveLength(3)
    expect(JSON.stringify(story)).not.toContain('secret of the provider')
    expect(logger.text()).toContain('secret of the provider')
  })

  test('an error that says no more than its status is tried again where that passes', async () => {
    const bare = (statusCode: number): Error => Object.assign(new Error('bare'), { statusCode })
    for (const [status, tries] of [
      [403, 1],
      [408, 3],
      [503, 3],
    ] as const) {
      const model = mockModel(version, () => {
        throw bare(status)
      })
      expect((await run(agentOf(model))).at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
      expect([status, model.doStreamCalls.length]).toEqual([status, tries])
    }
  })

  test('an error that does not pass is not tried again', async () => {
    const model = mockModel(version, () => {
      throw apiError(401)
    })
    expect((await run(agentOf(model))).at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
    expect(model.doStreamCalls).toHaveLength(1)
  })

  test('a provider that asks to be left alone for longer than a run can wait is left alone', async () => {
    const model = mockModel(version, () => {
      throw apiError(429, { 'retry-after': '3600' })
    })
    expect((await run(agentOf(model))).at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
    expect(model.doStreamCalls).toHaveLength(1)
  })

  test('nothing is tried again once some of the answer is told', async () => {
    const model = mockModel(version, () => [
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'Once' },
      { type: 'error', error: apiError(500) },
    ])
    const story = await run(agentOf(model))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
    expect(model.doStreamCalls).toHaveLength(1)
  })

  test('a stream that ends without its end is a failure', async () => {
    const model = mockModel(version, () => said('Hal').slice(0, -2))
    expect((await run(agentOf(model))).at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test.each([
    ['a text without its text', [{ type: 'text-delta', id: '0' }]],
    ['a call without its arguments', [{ type: 'tool-call', toolCallId: '1', toolName: 'x' }]],
    ['an end without a reason', [{ type: 'finish' }]],
  ])('%s is a failure', async (_title, parts) => {
    const model = mockModel(version, () => parts)
    expect((await run(agentOf(model))).at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test('pieces of a kind that nobody knows yet are passed over', async () => {
    const model = mockModel(version, () => [{ type: 'telepathy', x: 1 }, ...said('Hi')])
    expect((await run(agentOf(model))).at(-1)?.type).toBe('agent_completed')
  })

  test('a model that does not begin to answer is given up, and tried again', async () => {
    let cancelled = 0
    const model = mockModel(version, (_, call) =>
      call === 0
        ? stalledAfter([{ type: 'stream-start', warnings: [] }], () => (cancelled += 1))
        : said('Awake.'),
    )
    const story = await run(agentOf(model, { limits: { firstPartMs: 15 } }))
    expect(story.at(-1)).toMatchObject({ data: { result: { text: 'Awake.' } } })
    expect(cancelled).toBe(1)
  })

  test('a model that stops in the middle is given up', async () => {
    let cancelled = 0
    const model = mockModel(version, () =>
      stalledAfter(said('Half').slice(0, 3), () => (cancelled += 1)),
    )
    const story = await run(agentOf(model, { limits: { idleMs: 15 } }))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_DEADLINE'))
    expect(cancelled).toBe(1)
  })

  test('a model that is late to begin, within its time, and then stops is given up', async () => {
    let cancelled = 0
    const model = mockModel(version, async () => {
      await new Promise((resolve) => setTimeout(resolve, 45))
      return stalledAfter(said('Half').slice(0, 3), () => (cancelled += 1))
    })
    const story = await run(agentOf(model, { limits: { idleMs: 15 } }))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_DEADLINE'))
    expect(cancelled).toBe(1)
  })

  test('an endless stream is cut off, and lets others have their turns meanwhile', async () => {
    let turns = 0
    const timer = setInterval(() => (turns += 1), 0)
    let cancelled = 0
    const model = mockModel(
      version,
      () =>
        new ReadableStream<Part>({
          start: (controller) => controller.enqueue({ type: 'text-start', id: '0' }),
          pull: (controller) => controller.enqueue({ type: 'text-delta', id: '0', delta: 'ha ' }),
          cancel: () => void (cancelled += 1),
        }),
    )
    const story = await run(agentOf(model, { limits: { answerCharacters: 20_000 } }))
    clearInterval(timer)
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
    expect(cancelled).toBe(1)
    expect(turns).toBeGreaterThan(3)
  })

  test('an endless stream of nothing is cut off, too', async () => {
    const model = mockModel(
      version,
      () =>
        new ReadableStream<Part>({
          pull: (controller) => controller.enqueue({ type: 'raw', rawValue: null }),
        }),
    )
    const story = await run(agentOf(model, { limits: { answerCharacters: 5_000 } }))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
  })

  test.each<[string, (index: number) => Part[]]>([
    [
      'results of its own tools',
      (index) => {
        const call = { toolCallId: `own-${index}`, toolName: 'search' }
        const asking = { type: 'tool-call', ...call, input: '{}', providerExecuted: true }
        return [asking, { type: 'tool-result', ...call, result: 'x'.repeat(5_000) }]
      },
    ],
    ['files', () => [{ type: 'file', mediaType: 'image/png', data: 'x'.repeat(5_000) }]],
    [
      'facts',
      (index) => [
        {
          type: 'text-start',
          id: `${index}`,
          providerMetadata: { p: { fact: 'x'.repeat(5_000) } },
        },
      ],
    ],
  ])('a provider that adds %s without end is cut off', async (_, partsOf) => {
    let index = 0
    const model = mockModel(
      version,
      () =>
        new ReadableStream<Part>({
          pull: (controller) => {
            for (const part of partsOf((index += 1))) controller.enqueue(part)
          },
        }),
    )
    const story = await run(agentOf(model, { limits: { providerBytes: 20_000 } }))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
    expect(index).toBeLessThan(10)
  })

  test('an answer that comes whole has the limits of one that comes in pieces', async () => {
    const parts = asked(['tool', {}], ['tool', {}], ['tool', {}]).slice(1, -1)
    const finishReason = { unified: 'tool-calls', raw: undefined }
    const doGenerate = async (): Promise<unknown> => ({ content: parts, finishReason, usage: {} })
    const model = Object.assign(
      mockModel(version, () => []),
      { doGenerate: untyped(doGenerate) },
    )
    const agent = agentOf(untyped(model), { streams: false, limits: { toolCalls: 2 } })
    expect((await run(agent)).at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
  })

  test('an answer with too many calls executes none of them', async () => {
    let calls = 0
    const tool = defineTool({
      name: 'tool',
      input: z.object({}),
      output: z.number(),
      run: () => (calls += 1),
    })
    const model = mockModel(version, () => asked(['tool', {}], ['tool', {}], ['tool', {}]))
    const story = await run(agentOf(model, { tools: [tool], limits: { toolCalls: 2 } }))
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
    expect(calls).toBe(0)
  })

  test('a provider that ignores its signal cannot hold a run that is cancelled', async () => {
    const never = deferred<Part[]>()
    const begun = deferred()
    let late: unknown
    const model = mockModel(version, async () => {
      begun.resolve()
      const parts = await never.promise
      try {
        late = users.current()
      } catch (error) {
        late = error
      }
      return parts
    })
    const engine = engineOf([agentOf(model)], { limits: { abortGraceMs: 40 } })
    const runId = await users.run(alice, async () => {
      const { runId: id } = await engine.start('assistant', input)
      await begun.promise
      expect(await engine.cancel(id)).toMatchObject({ status: 'cancelled' })
      return id
    })
    // It is counted and charged until it really ends, and cannot read its user then.
    expect(engine.health()).toMatchObject({ running: 0, orphans: 1 })
    never.resolve(said('Too late.'))
    await expectNothingLeft(engine)
    expect(late).toMatchObject({ code: 'SCOPE_CLOSED' })
    const story = await users.run(alice, () => storyOf(engine, runId))
    expect(story.map(({ type }) => type)).toEqual([
      'agent_started',
      'work_orphaned',
      'agent_cancelled',
    ])
  })

  test('a cancel reaches the provider and the tool, as their user', async () => {
    const seen: string[] = []
    const begun = deferred()
    const model = mockModel(version, async ({ abortSignal }) => {
      if (abortSignal === undefined) throw new Error('no signal')
      abortSignal.addEventListener('abort', () => seen.push(users.current().userId))
      begun.resolve()
      await aborted(abortSignal)
      throw abortSignal.reason
    })
    const engine = engineOf([agentOf(model)])
    await users.run(alice, async () => {
      const { runId } = await engine.start('assistant', input)
      await begun.promise
      await engine.cancel(runId)
    })
    expect(seen).toEqual(['alice'])
    await expectNothingLeft(engine)
  })

  test('a run that is cancelled while it waits for its next try ends at once', async () => {
    const model = mockModel(version, () => {
      throw apiError(429, { 'retry-after': '30' })
    })
    const agent = agentOf(model)
    const logger = new RecordingLogger()
    const engine = engineOf([agent], { logger })
    await users.run(alice, async () => {
      const { runId } = await engine.start('assistant', input)
      await until(() => logger.entries.some(({ message }) => message.startsWith('model')))
      expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
    })
    await expectNothingLeft(engine)
  })

  test('the run deadline holds, whatever the model does', async () => {
    const model = mockModel(version, () => stalledAfter(said('Half').slice(0, 3), () => undefined))
    const story = await run(agentOf(model, { limits: { runMs: 20 } }))
    expect(story.at(-1)).toMatchObject(failedWith('RUN_DEADLINE'))
  })
})

test('a provider that cannot stream is asked for whole answers', async () => {
  const calls: unknown[] = []
  const whole: LanguageModel = {
    specificationVersion: 'v4',
    provider: 'mock',
    modelId: 'whole',
    doStream: () => expect.unreachable('it cannot stream'),
    doGenerate: async (options) => {
      calls.push(options.prompt)
      return {
        content: [
          { type: 'reasoning', text: 'Hm.' },
          { type: 'text', text: 'Whole.' },
        ],
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: {},
      }
    },
  }
  const story = await run(agentOf(whole, { streams: false }))
  expect(story.map(({ type }) => type)).toEqual([
    'agent_started',
    'agent_thinking',
    'agent_text',
    // The provider told of none: it is counted from characters.
    'usage_recorded',
    'agent_completed',
  ])
  expect(calls).toHaveLength(1)
})

test.each([
  ['the name of a model', 'openai/gpt-5'],
  ['a model of an older specification', { specificationVersion: 'v2' }],
  ['nothing', undefined],
])(
  '%s is refused when the agent is defined; where a function made it the run fails, and the log says why',
  async (_title, given) => {
    const model = untyped<LanguageModel>(given)
    expect(() => agentOf(model)).toThrow(/Expected .*model/)
    const logger = new RecordingLogger()
    const story = await run(agentOf(untyped<LanguageModel>(() => model)), logger)
    expect(story.at(-1)).toMatchObject(failedWith('AGENT_FAILED'))
    expect(logger.text()).toMatch(/Expected .*model/)
  },
)

test('a limit that is none and two tools of one name are refused when the agent is defined', () => {
  const model = mockModel('v4', () => said('x'))
  const tool = defineTool({ name: 't', input: z.object({}), output: z.null(), run: () => null })
  const define = (options: Partial<ModelAgentOptions>) => () => agentOf(model, options)
  expect(define({ maxSteps: 0 })).toThrow(TypeError)
  expect(define({ limits: { idleMs: 0 } })).toThrow(TypeError)
  expect(define({ retry: { attempts: 0 } })).toThrow(TypeError)
  expect(define({ retry: untyped({ tries: 3 }) })).toThrow(TypeError)
  expect(define({ tools: [tool, tool] })).toThrow(
    expect.objectContaining({ code: 'DUPLICATE_TOOL' }),
  )
})
