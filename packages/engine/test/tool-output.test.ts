import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool, EngineError, type Oversize } from '../src/index.ts'
import { limitOutput } from '../src/instances/limit-output.ts'
import { sizeOf } from '../src/internal/size-of.ts'
import { caught, engineError } from './support/caught.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})

/** What an agent gets that calls a tool which returns this. */
async function answerOf(
  returned: unknown,
  options: { readonly oversize?: Oversize; readonly toolOutputBytes?: number } = {},
): Promise<unknown> {
  const { oversize, toolOutputBytes = 1_000 } = options
  const tool = defineTool({
    name: 'tool',
    input: empty,
    output: z.unknown(),
    ...(oversize === undefined ? {} : { oversize }),
    run: () => returned,
  })
  let answer: unknown
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, own) => {
      answer = await own.call(tool, {})
      return null
    },
  })
  const engine = engineOf([agent], { limits: { toolOutputBytes } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    await result.catch((error: unknown) => {
      answer = error
    })
    expectOneStory(await storyOf(engine, runId))
  })
  await expectNothingLeft(engine)
  return answer
}

const cycle: { self?: unknown } = {}
cycle.self = cycle
const deep = (): unknown => {
  let value: unknown = 'end'
  for (let level = 0; level < 100_000; level += 1) value = [value]
  return value
}

test.each<[string, unknown, string]>([
  ['a text beyond the limit', 'x'.repeat(1_001), 'RESULT_TOO_LARGE'],
  ['a list that leaves out most', Object.assign([], { length: 1_000 }), 'RESULT_TOO_LARGE'],
  ['a text that is beyond it as UTF-8', 'é'.repeat(600), 'RESULT_TOO_LARGE'],
  ['many small things', Array.from({ length: 200 }, () => 1), 'RESULT_TOO_LARGE'],
  ['names beyond it', { ['x'.repeat(1_001)]: 1 }, 'RESULT_TOO_LARGE'],
  ['binary data', new Uint8Array(1_001), 'RESULT_TOO_LARGE'],
  ['a map', new Map([['a', 'x'.repeat(1_001)]]), 'RESULT_TOO_LARGE'],
  ['what holds itself', cycle, 'INVALID_OUTPUT'],
  ['a list that holds itself', [[cycle]], 'INVALID_OUTPUT'],
])(
  'a tool that returns %s fails its call with a code, and the run tells one story',
  async (_, returned, code) => {
    expect(await answerOf(returned)).toMatchObject({ code })
  },
)

test('what a list leaves out is counted, and not gone through one by one', () => {
  const longest = 4_294_967_295
  expect(sizeOf(Object.assign([], { length: longest }), Infinity)).toBe(8 * (longest + 1))
  // oxlint-disable-next-line no-sparse-arrays -- what is left out is what is tried
  expect(sizeOf([1, , 1], Infinity)).toBe(8 * 4)
})

test('what is nested beyond all measure fails its call, too', async () => {
  expect(await answerOf(deep(), { toolOutputBytes: 100_000_000 })).toMatchObject({
    code: 'INVALID_OUTPUT',
  })
})

test('what is within the limit comes as it is, the same thing twice included', async () => {
  const shared = { text: 'x'.repeat(100) }
  const returned = { one: shared, two: shared, list: [shared] }
  expect(await answerOf(returned)).toEqual(returned)
  expect(await answerOf('x'.repeat(1_000))).toHaveLength(1_000)
})

test('a tool that says so has its longest texts cut, and keeps all else', async () => {
  const returned = { short: 'kept', long: 'x'.repeat(5_000), list: ['é'.repeat(5_000), 7, null] }
  const answer = await answerOf(returned, { oversize: 'cut' })
  expect(answer).toMatchObject({
    short: 'kept',
    list: [expect.stringMatching(/^é+… \(cut\)$/), 7, null],
  })
  expect(sizeOf(answer, Infinity)).toBeLessThanOrEqual(1_000)
  expect(sizeOf(answer, Infinity)).toBeGreaterThan(900)
})

test('where cutting texts does not help, the call fails all the same', async () => {
  const returned = Array.from({ length: 500 }, () => 1)
  expect(await answerOf(returned, { oversize: 'cut' })).toMatchObject({ code: 'RESULT_TOO_LARGE' })
})

test('a text is not cut through the middle of a character', async () => {
  const answer = await answerOf('😀'.repeat(1_000), { oversize: 'cut', toolOutputBytes: 102 })
  expect(answer).toMatch(/^(😀)+… \(cut\)$/u)
})

test('whatever is cut fits then, is JSON of the same shape, and is shorter', () => {
  const texts = fc.string({ minLength: 40, maxLength: 300, unit: 'grapheme' })
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      texts,
      fc.integer(),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__'),
        tie('any'),
        { maxKeys: 4 },
      ),
    ),
  })).any
  let cut = 0
  fc.assert(
    fc.property(value, fc.integer({ min: 10, max: 500 }), (returned, limitBytes) => {
      const limit = { limitBytes, oversize: 'cut', subject: 'it' } as const
      // What is refused is another test's business.
      const answer = cutOr(() => limitOutput(returned, limit))
      if (answer === undefined) return
      expect(sizeOf(answer, Infinity)).toBeLessThanOrEqual(limitBytes)
      const shape = (one: unknown): string =>
        JSON.stringify(one, (_, part: unknown) => (typeof part === 'string' ? '' : part))
      expect(shape(answer)).toBe(shape(returned))
      if (answer !== returned) cut += 1
    }),
    { numRuns: 500 },
  )
  expect(cut).toBeGreaterThan(10)
})

test('a policy that is none is refused when the tool is defined', async () => {
  const attempt = (): unknown => answerOf('', { oversize: untyped<Oversize>('drop') })
  expect(await caught(attempt)).toBeInstanceOf(TypeError)
})

test('a getter is not called, and a proxy that throws fails the call', async () => {
  const trap = Object.defineProperty({}, 'a', {
    enumerable: true,
    get: () => expect.unreachable('a getter was called'),
  })
  expect(sizeOf(trap, Infinity)).toBeGreaterThan(0)
  const proxy = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no')
      },
    },
  )
  const limit = { limitBytes: 10, oversize: 'fail', subject: 'it' } as const
  expect(await engineError(() => limitOutput(proxy, limit))).toMatchObject({
    code: 'INVALID_OUTPUT',
  })
})

/** Undefined where it was too large in spite of cutting. */
function cutOr(cut: () => unknown): unknown {
  try {
    return cut()
  } catch (error) {
    if (EngineError.is(error) && error.code === 'RESULT_TOO_LARGE') return undefined
    throw error
  }
}
