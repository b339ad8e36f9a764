import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  defineAgent,
  defineTool,
  EngineError,
  type RetryOptions,
  type ToolCallContext,
  type ToolOptions,
} from '../src/index.ts'
import { backoffMs, checkedRetry } from '../src/retries/retry-policy.ts'
import { retryAfterOf } from '../src/retries/retry-after.ts'
import { retrying } from '../src/retries/retrying.ts'
import { caught, contextError } from './support/caught.ts'
import { until } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})
const quick = { attempts: 3, baseMs: 1, maxMs: 2 }

/** A tool that does this with each attempt, and what it saw. */
function flaky(
  attempt: (number: number, call: ToolCallContext) => unknown,
  options: Partial<ToolOptions<typeof empty, z.ZodUnknown>> = { idempotent: true, retry: quick },
): {
  readonly tool: ReturnType<typeof defineTool<typeof empty, z.ZodUnknown>>
  readonly keys: string[]
} {
  const keys: string[] = []
  const tool = defineTool({
    name: 'flaky',
    input: empty,
    output: z.unknown(),
    ...options,
    run: (_, call) => {
      keys.push(call.idempotencyKey)
      return attempt(call.attempt, call)
    },
  })
  return { tool, keys }
}

function agentWith(
  tool: ReturnType<typeof flaky>['tool'],
  times: number = 1,
): ReturnType<typeof defineAgent> {
  return untyped(
    defineAgent({
      name: 'agent',
      input: empty,
      output: z.unknown(),
      run: async (_, own) => {
        let last: unknown
        for (let time = 0; time < times; time += 1) last = await own.call(tool, {})
        return last
      },
    }),
  )
}

test('an idempotent tool is tried again, under the same key, and the call says how often', async () => {
  const { tool, keys } = flaky((number) => {
    if (number % 3 !== 0) throw new Error('down')
    return number
  })
  const engine = engineOf([agentWith(tool, 2)])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await result).toBe(3)
    expect(keys).toHaveLength(6)
    expect(new Set(keys).size).toBe(2)
    expect(new Set(keys.slice(0, 3)).size).toBe(1)
    for (const key of keys) expect(key).toContain(runId)
    const story = await storyOf(engine, runId)
    expectOneStory(story)
    const completed = story.filter(({ type }) => type === 'tool_completed')
    expect(completed.map(({ data }) => data)).toMatchObject([
      { ok: true, attempts: 3 },
      { ok: true, attempts: 3 },
    ])
    // A call is one call, however often it was tried.
    expect((await engine.ledger.run(runId)).all.toolCalls).toBe(2)
  })
  await expectNothingLeft(engine)
})

// origins: FBK-1
test('the last failure is what the call fails with; the first attempt alone is not counted in the event', async () => {
  const failing = flaky((number) => {
    throw new Error(`attempt ${number}`)
  })
  const engine = engineOf([agentWith(failing.tool)])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await caught(() => result)).toMatchObject({
      code: 'TOOL_FAILED',
      cause: { message: 'attempt 3' },
    })
    expect((await storyOf(engine, runId)).map(({ data }) => data)).toMatchObject([
      {},
      {},
      { ok: false, attempts: 3 },
      {},
    ])
  })
  const once = flaky(() => null)
  const other = engineOf([agentWith(once.tool)])
  await users.run(alice, async () => {
    const { runId } = await other.start('agent', {})
    const completed = (await storyOf(other, runId)).find(({ type }) => type === 'tool_completed')
    expect(completed?.data).not.toHaveProperty('attempts')
  })
})

test.each<[string, (call: ToolCallContext) => unknown]>([
  ['an output that does not fit', () => 'text'],
  ['a refusal of its own', () => Promise.reject(new AgentError('NO', 'no'))],
  ['a budget', () => Promise.reject(new EngineError('BUDGET_EXCEEDED', 'no'))],
  [
    'an error that says so',
    () => Promise.reject(Object.assign(new Error('400'), { isRetryable: false })),
  ],
  ["another owner's scope", () => users.run({ userId: 'bob' }, () => null)],
])('%s is not tried again', async (_, run) => {
  let attempts = 0
  const tool = defineTool({
    name: 'once',
    input: empty,
    output: z.number(),
    idempotent: true,
    retry: quick,
    run: (_input, call) => {
      attempts += 1
      return untyped<number>(run(call))
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.number(),
    run: (_input, own) => own.call(tool, {}),
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { result } = await engine.start('agent', {})
    expect(await caught(() => result)).toBeInstanceOf(Error)
  })
  expect(attempts).toBe(1)
})

test('an attempt that takes too long is given up and tried again', async () => {
  const { tool } = flaky(
    (number, { signal }) =>
      number === 2
        ? 'done'
        : new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
          }),
    { idempotent: true, retry: quick, timeoutMs: 20 },
  )
  const engine = engineOf([agentWith(tool)])
  await users.run(alice, async () => {
    expect(await (await engine.start('agent', {})).result).toBe('done')
  })
  await expectNothingLeft(engine)
})

test('a run that is cancelled while it waits to try again ends at once, and leaves no timer', async () => {
  let attempts = 0
  const { tool } = flaky(
    () => {
      attempts += 1
      throw new Error('down')
    },
    { idempotent: true, retry: { attempts: 2, baseMs: 40_000, maxMs: 40_000 } },
  )
  const engine = engineOf([agentWith(tool)], { random: () => 1 })
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    await until(() => attempts === 1)
    const before = Date.now()
    expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
    expect(Date.now() - before).toBeLessThan(20_000)
  })
  expect(attempts).toBe(1)
  await expectNothingLeft(engine)
})

// origins: FBK-1
test('a wait that would outlast the deadline is not begun: the failure comes at once', async () => {
  const { tool } = flaky(
    () => {
      throw Object.assign(new Error('429'), { retryAfterMs: 3_600_000 })
    },
    { idempotent: true, retry: quick },
  )
  const engine = engineOf([agentWith(tool)])
  await users.run(alice, async () => {
    const { result } = await engine.start('agent', {})
    expect(await caught(() => result)).toMatchObject({
      code: 'TOOL_FAILED',
      cause: { message: '429' },
    })
  })
})

test('a circuit that opens in between ends the trying, and the failure before it is told', async () => {
  let attempts = 0
  const { tool } = flaky(
    () => {
      attempts += 1
      throw new Error(`attempt ${attempts}`)
    },
    { idempotent: true, retry: { ...quick, attempts: 10 }, dependency: 'search' },
  )
  const engine = engineOf([agentWith(tool)])
  await users.run(alice, async () => {
    const first = await engine.start('agent', {})
    expect(await caught(() => first.result)).toMatchObject({ cause: { message: 'attempt 3' } })
    const second = await engine.start('agent', {})
    expect(await caught(() => second.result)).toMatchObject({ code: 'CIRCUIT_OPEN' })
  })
  expect(attempts).toBe(3)
})

test('retrying needs a scope, and rejects with what the last attempt failed with', async () => {
  const policy = checkedRetry(quick)
  const failing = (number: number): Promise<never> => Promise.reject(new Error(`attempt ${number}`))
  const error = await users.run(alice, () =>
    caught(() => retrying(failing, { policy, random: Math.random })),
  )
  expect(error).toMatchObject({ message: 'attempt 3' })
  expect(
    await contextError(() => retrying(failing, { policy, random: Math.random })),
  ).toMatchObject({
    code: 'NO_SCOPE',
  })
})

test('waits are random, grow, and stay within their bounds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 0, max: 5_000 }),
      fc.integer({ min: 0, max: 60_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, baseMs, maxMs, random) => {
        const waitMs = backoffMs({ attempts: 10, baseMs, maxMs }, attempt, random)
        expect(waitMs).toBeGreaterThanOrEqual(0)
        expect(waitMs).toBeLessThanOrEqual(Math.min(maxMs, baseMs * 2 ** (attempt - 1)))
        expect(backoffMs({ attempts: 10, baseMs, maxMs }, attempt, 0)).toBe(0)
      },
    ),
  )
})

const now = Date.UTC(2026, 0, 1)

test.each<[string, unknown, number | undefined]>([
  ['a number of its own', { retryAfterMs: 70 }, 70],
  ['seconds in a header', { responseHeaders: { 'retry-after': '2' } }, 2_000],
  ['milliseconds in a header', { responseHeaders: { 'Retry-After-Ms': '1500' } }, 1_500],
  ['a date', { headers: { 'retry-after': new Date(now + 5_000).toUTCString() } }, 5_000],
  ['a Headers object', { headers: new Headers({ 'retry-after': '3' }) }, 3_000],
  ['a cause that asks', new Error('x', { cause: { retryAfterMs: 9 } }), 9],
  ['a date that has passed', { headers: { 'retry-after': new Date(0).toUTCString() } }, undefined],
  ['nonsense', { headers: { 'retry-after': 'soon' } }, undefined],
  ['less than nothing', { retryAfterMs: -1 }, undefined],
  ['no number', { retryAfterMs: '5' }, undefined],
  ['an empty header', { headers: { 'retry-after': '' } }, undefined],
  ['headers that are none', { headers: 5, responseHeaders: null }, undefined],
  ['nothing', undefined, undefined],
  [
    'a getter that throws',
    Object.defineProperty({}, 'retryAfterMs', {
      get: () => {
        throw new Error('no')
      },
    }),
    undefined,
  ],
])('an error with %s asks for the right wait', (_, error, expected) => {
  expect(retryAfterOf(error, now)).toBe(expected)
})

test('a cycle of causes ends', () => {
  const error: { cause?: unknown } = {}
  error.cause = error
  expect(retryAfterOf(error, now)).toBe(undefined)
})

test.each<[string, unknown]>([
  ['no attempts', { attempts: 0 }],
  ['too many attempts', { attempts: 11 }],
  ['half a millisecond', { baseMs: 0.5 }],
  ['a wait that is none', { maxMs: Number.NaN }],
  ['an unknown option', { times: 3 }],
])('retries with %s are refused when the tool is defined', (_, retry) => {
  expect(() =>
    flaky(() => null, { idempotent: true, retry: untyped<RetryOptions>(retry) }),
  ).toThrow(TypeError)
})

test('a tool that is not idempotent cannot be tried again', () => {
  expect(() => flaky(() => null, { retry: {} })).toThrow('idempotent')
})
