import { runOutside } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  defineAgent,
  defineTool,
  type AgentDefinition,
  type AgentExecution,
  type ToolDefinition,
} from '../src/index.ts'
import { caught } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, runToEnd, storyOf } from './support/engine.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})

const cyclic = (): object => {
  const value: { self?: object } = {}
  value.self = value
  return value
}
const waits = defineTool({
  name: 'waits',
  input: empty,
  output: z.null(),
  run: async () => null,
})
const huge = (): string => 'x'.repeat(2_000)

const agentOf = (run: (own: AgentExecution) => unknown): AgentDefinition =>
  defineAgent({
    name: 'bad',
    input: empty,
    output: z.any(),
    limits: { runMs: 300 },
    run: (_, own) => run(own),
  })

const calls = (output: z.ZodType, run: () => unknown): AgentDefinition => {
  const tool: ToolDefinition<Record<string, never>> = defineTool({
    name: 'tool',
    input: empty,
    output,
    run: () => untyped(run()),
  })
  return agentOf((own) => own.call(tool, {}))
}

const throwing = (thrown: unknown) => () => {
  // oxlint-disable-next-line typescript/only-throw-error -- which is what is looked at
  throw thrown
}

const recurse = (depth: number): number => recurse(depth + 1) + 1

const trap = (): never => {
  throw new Error('canary')
}
/** What throws whatever is done to it. */
const untouchable = new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap, ownKeys: trap })
/** What passes for an error that was made for the user, and is none. */
const forgery = (field: 'code' | 'message', descriptor: PropertyDescriptor): AgentError =>
  Object.defineProperty(new AgentError('ODD', 'canary'), field, descriptor)
const holdsItself = (): Error => {
  const error = Object.assign(new Error('canary'), { name: 'SuppressedError' })
  return Object.assign(error, { suppressed: error })
}

/** What an agent does wrong, and the code that its run ends with. */
const mistakes: readonly (readonly [string, AgentDefinition, string])[] = [
  ['throws a text', agentOf(throwing('canary')), 'AGENT_FAILED'],
  ['throws nothing', agentOf(throwing(undefined)), 'AGENT_FAILED'],
  ['throws null', agentOf(throwing(null)), 'AGENT_FAILED'],
  ['rejects with a number', agentOf(async () => throwing(7)()), 'AGENT_FAILED'],
  ['throws what throws when it is looked at', agentOf(throwing(untouchable)), 'AGENT_FAILED'],
  [
    'throws an error whose message is none',
    agentOf(throwing(forgery('message', { value: 7 }))),
    'AGENT_FAILED',
  ],
  [
    'throws an error whose message throws',
    agentOf(throwing(forgery('message', { get: trap }))),
    'AGENT_FAILED',
  ],
  [
    'throws an error without a code',
    agentOf(throwing(forgery('code', { value: undefined }))),
    'AGENT_FAILED',
  ],
  [
    'throws an error whose code is endless',
    agentOf(throwing(forgery('code', { value: 'X'.repeat(100_000) }))),
    'AGENT_FAILED',
  ],
  [
    'throws an error that was there before itself',
    agentOf(throwing(holdsItself())),
    'AGENT_FAILED',
  ],
  ['returns what holds itself', agentOf(cyclic), 'INVALID_OUTPUT'],
  ['returns too much', agentOf(huge), 'RESULT_TOO_LARGE'],
  ['returns a function', agentOf(() => () => undefined), 'INVALID_OUTPUT'],
  [
    'returns something else than it says',
    defineAgent({ name: 'bad', input: empty, output: z.string(), run: () => untyped<string>(7) }),
    'INVALID_OUTPUT',
  ],
  ['calls itself until the stack is full', agentOf(() => recurse(0)), 'AGENT_FAILED'],
  ['never ends', agentOf(() => new Promise(() => undefined)), 'RUN_DEADLINE'],
  [
    'never gives way until its deadline is over',
    agentOf(() => {
      const until = performance.now() + 400
      while (performance.now() < until);
      return null
    }),
    'RUN_DEADLINE',
  ],
  ['delegates to itself', agentOf((own) => own.delegate('bad', {})), 'DELEGATION_TOO_DEEP'],
  ['has a tool that returns what holds itself', calls(z.any(), cyclic), 'INVALID_OUTPUT'],
  ['has a tool that returns too much', calls(z.any(), huge), 'RESULT_TOO_LARGE'],
  ['has a tool that returns something else', calls(z.string(), () => 7), 'INVALID_OUTPUT'],
  [
    'has a tool that throws what throws when it is looked at',
    calls(z.any(), throwing(untouchable)),
    'TOOL_FAILED',
  ],
  [
    'has a tool that throws an error whose message throws',
    calls(z.any(), throwing(forgery('message', { get: trap }))),
    'TOOL_FAILED',
  ],
  ['has a tool that throws a text', calls(z.any(), throwing('canary')), 'TOOL_FAILED'],
]

test.each(mistakes)(
  'an agent that %s fails with a code and one end, and nobody else is the worse for it',
  async (_title, bad, code) => {
    const engine = engineOf([bad, echo], {
      limits: { resultBytes: 1_000, toolOutputBytes: 1_000, abortGraceMs: 20 },
    })
    const [events, ofBob] = await Promise.all([
      users.run(alice, () => runToEnd(engine, 'bad')),
      users.run(bob, () => runToEnd(engine, 'echo', { text: 'hi' })),
    ])
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ type: 'agent_error', data: { error: { code } } })
    expect(JSON.stringify(events)).not.toContain('canary')
    expectOneStory(ofBob)
    expect(ofBob.at(-1)).toMatchObject({ data: { result: { text: 'hi' } } })
    // Nor are their own next runs.
    const next = await users.run(alice, () => runToEnd(engine, 'echo', { text: 'again' }))
    expect(next.at(-1)?.type).toBe('agent_completed')
    await engine.close({ graceMs: 0 })
  },
)

test('an agent that emits after its end is refused each time, and its story stays as it is', async () => {
  const over = deferred()
  const late = deferred<readonly unknown[]>()
  const leaves = agentOf((own) => {
    void over.promise.then(async () => {
      const attempts = [
        () => own.text('late'),
        () => own.think('late'),
        () => own.custom('late'),
        () => own.progress(1),
        () => own.usage({ inputTokens: 1 }),
      ]
      const errors: unknown[] = []
      for (const attempt of attempts) errors.push(await caught(attempt))
      late.resolve(errors)
    })
    return null
  })
  const engine = engineOf([leaves])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('bad', {})
    await result
    const before = await storyOf(engine, runId)
    over.resolve()
    for (const error of await late.promise) expect(error).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(await storyOf(engine, runId)).toEqual(before)
    expectOneStory(before)
    expect((await engine.ledger.sums()).all.inputTokens).toBe(0)
  })
  await engine.close({ graceMs: 0 })
})

test.each<[string, (own: AgentExecution) => unknown]>([
  ['says', (own) => own.text('x')],
  ['thinks', (own) => own.think('x')],
  ['tells things of its own', (own) => own.custom('x', [1])],
  ['calls a tool', (own) => own.call(waits, {})],
])(
  'an agent that %s without end and waits for nothing ends its own run, and nobody else is affected',
  async (_, begin) => {
    let begun = 0
    const endless = defineAgent({
      name: 'bad',
      input: empty,
      output: z.null(),
      run: (_input, own) => {
        for (; begun < 200_000; begun += 1) void begin(own)
        return null
      },
    })
    const engine = engineOf([endless, echo], { limits: { pendingCharacters: 25_600 } })
    await Promise.all([
      users.run(alice, async () => {
        const events = await runToEnd(engine, 'bad')
        expectOneStory(events)
        expect(events.at(-1)).toMatchObject({
          type: 'agent_error',
          data: { error: { code: 'TOO_MUCH_PENDING' } },
        })
        // As many as the limit allows, each as 256 characters.
        expect(begun).toBe(100)
      }),
      users.run(bob, async () => {
        const events = await runToEnd(engine, 'echo', { text: 'hello' })
        expect(events.at(-1)).toMatchObject({ type: 'agent_completed' })
      }),
    ])
    expect(engine.health()).toMatchObject({ running: 0, queued: 0, orphans: 0 })
  },
)

test('an agent that catches that it began too much ends with it all the same, and long texts count as long', async () => {
  const caughtCodes = new Set<unknown>()
  let begun = 0
  const agent = agentOf((own) => {
    for (let round = 0; round < 100; round += 1) {
      try {
        void own.text('x'.repeat(10_000))
        begun += 1
      } catch (error) {
        caughtCodes.add(error)
      }
    }
    return null
  })
  const engine = engineOf([agent], { limits: { pendingCharacters: 50_000 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'bad')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'TOO_MUCH_PENDING' } } })
  })
  expect(begun).toBe(5)
  expect([...caughtCodes]).toMatchObject([{ code: 'TOO_MUCH_PENDING' }])
  expect(engine.health()).toMatchObject({ running: 0, queued: 0, orphans: 0 })
})

test('what has ended leaves room for more', async () => {
  const agent = agentOf(async (own) => {
    for (let round = 0; round < 50; round += 1) await own.text('x')
    return null
  })
  const engine = engineOf([agent], { limits: { pendingCharacters: 256 } })
  await users.run(alice, async () => {
    expect((await runToEnd(engine, 'bad')).at(-1)).toMatchObject({ type: 'agent_completed' })
  })
})

/** Far longer than any deadline here, and not for ever: a test that fails is not to hang. */
class While {
  readonly #until = performance.now() + 2_000
  over = false

  get on(): boolean {
    this.over ||= performance.now() >= this.#until
    return !this.over
  }
}

/** Somebody else's, who has a timer to wait for. */
const timed = defineAgent({
  name: 'timed',
  input: empty,
  output: z.null(),
  run: () => new Promise<null>((resolve) => setTimeout(() => resolve(null), 1)),
})

test.each<[string, (own: AgentExecution, acting: While) => unknown]>([
  ['says', (own) => own.text('x')],
  ['thinks', (own) => own.think('x')],
  ['tells things of its own', (own) => own.custom('x', [1])],
  ['calls a tool', (own) => own.call(waits, {})],
  ['sets aside', async (own) => (await own.budget.reserve()).release()],
  [
    'has a tool that charges',
    (own, acting) => {
      const charges = defineTool({
        name: 'charges',
        input: empty,
        output: z.null(),
        run: async (_, call) => {
          while (acting.on) await call.usage({ inputTokens: 1 })
          return null
        },
      })
      return own.call(charges, {})
    },
  ],
])(
  'an agent that %s without end, and whose waits are over at once, meets its deadline, and nobody waits for it',
  async (_, act) => {
    const acting = new While()
    const endless = agentOf(async (own) => {
      while (acting.on) await act(own, acting)
    })
    const engine = engineOf([endless, timed], { limits: { abortGraceMs: 20 } })
    await users.run(alice, async () => {
      const { runId } = await engine.start('bad', {})
      await runOutside(() => users.run(bob, () => runToEnd(engine, 'timed')))
      expect(acting.over).toBe(false)
      const events = await storyOf(engine, runId)
      expectOneStory(events)
      expect(events.at(-1)).toMatchObject({ data: { error: { code: 'RUN_DEADLINE' } } })
    })
    await engine.close({ graceMs: 0 })
  },
)

test('an agent that goes on when it is refused, whatever it hears, keeps the process from nobody', async () => {
  const over = deferred()
  const acting = new While()
  const deaf = agentOf(async (own) => {
    while (acting.on) await own.text('x').catch(() => null)
    over.resolve()
  })
  const engine = engineOf([deaf, timed], { limits: { abortGraceMs: 20 } })
  await users.run(alice, () => runToEnd(engine, 'bad'))
  await users.run(bob, () => runToEnd(engine, 'timed'))
  expect(acting.over).toBe(false)
  await over.promise
  await engine.close({ graceMs: 0 })
})

test('what is no tool, no agent and no question is refused before anything is told of it', async () => {
  const none = [undefined, null, 'tool', {}, { name: 'tool', run: () => null }, () => null]
  const agent = agentOf(async (own) => {
    const refusals: unknown[] = []
    for (const given of none) {
      refusals.push(await caught(() => own.call(untyped<ToolDefinition>(given), {})))
      refusals.push(await caught(() => own.delegate(untyped<AgentDefinition>(given ?? 5), {})))
    }
    refusals.push(await caught(() => own.approve(untyped(null))))
    return refusals.map((refusal) => (refusal instanceof Error ? refusal.message : refusal))
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'bad')
    expectOneStory(events)
    expect(events).toHaveLength(2)
    const told = JSON.stringify(events.at(-1)?.data)
    expect(told.match(/Expected a tool made by defineTool\(\), got/g)).toHaveLength(none.length)
    expect(told.match(/Expected an agent made by|There is no agent/g)).toHaveLength(none.length)
    expect(told).toContain('Expected the question to be an object, got null')
  })
})
