import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  defineAgent,
  defineTool,
  EngineError,
  type AgentEvent,
  type EngineLimits,
} from '../src/index.ts'
import { nextTurn } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const canary = 'canary-7f3a'
const empty = z.object({})

/** Throws what it is told to: errors, and what is none. */
function thrower(thrown: unknown): () => never {
  return () => {
    throw thrown
  }
}

interface Outcome {
  readonly events: readonly AgentEvent[]
  readonly end: AgentEvent | undefined
  readonly logger: RecordingLogger
}

async function outcomeOf(
  run: () => unknown,
  output: z.ZodType = z.unknown(),
  limits: Partial<EngineLimits> = {},
): Promise<Outcome> {
  const logger = new RecordingLogger()
  const agent = defineAgent({ name: 'agent', input: empty, output, run })
  const engine = engineOf([agent], { logger, limits })
  return users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    await result.catch(() => undefined)
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    const record = await engine.run(runId)
    const end = events.at(-1)
    expect(record.status).toBe(end?.type === 'agent_completed' ? 'completed' : 'failed')
    expect(record.error).toEqual(end?.type === 'agent_error' ? end.data.error : undefined)
    return { events, end, logger }
  })
}

test.each([
  ['an error', new Error(canary)],
  ['an error with a cause', new Error('outer', { cause: new Error(canary) })],
  ['a text', canary],
  ['an object', { message: canary, code: canary }],
  ['null', null],
  ['undefined', undefined],
  ['an error with a code of its own', Object.assign(new Error(canary), { code: 'ENOENT' })],
])('what %s says reaches the log and never the user', async (_, thrown) => {
  const { events, end, logger } = await outcomeOf(thrower(thrown))
  expect(end).toMatchObject({
    type: 'agent_error',
    data: {
      error: {
        code: 'AGENT_FAILED',
        message: 'The agent "agent" failed. The reason is in the server\'s log.',
      },
    },
  })
  expect(JSON.stringify(events)).not.toContain(canary)
  expect(logger.entries).toMatchObject([{ level: 'error', message: 'agent failed' }])
  expect(logger.entries[0]?.fields).toMatchObject({ agent: 'agent', err: thrown })
})

// origins: UEE-6 DMO-4
test('an AgentError reaches the user with its code and message, and is no news for the log', async () => {
  const { end, logger } = await outcomeOf(
    thrower(new AgentError('UNREADABLE_LOG', 'line 17: "tokens" is not a number')),
  )
  expect(end).toMatchObject({
    data: {
      error: { code: 'UNREADABLE_LOG', message: 'line 17: "tokens" is not a number' },
    },
  })
  expect(logger.entries).toEqual([])
})

// origins: EEF-7
test('an AgentError and an EngineError know their kind, also from another copy of the package', () => {
  expect(AgentError.is(new AgentError('A', 'a'))).toBe(true)
  expect(AgentError.is(new EngineError('AGENT_FAILED', 'a'))).toBe(false)
  expect(EngineError.is(new EngineError('AGENT_FAILED', 'a'))).toBe(true)
  expect(EngineError.is({ code: 'AGENT_FAILED' })).toBe(false)
  const copy = Object.assign(new Error('x'), { [Symbol.for('ringfence.engine-error')]: true })
  expect(EngineError.is(copy)).toBe(true)
})

test('a message of an AgentError that is endless is cut', async () => {
  const { end } = await outcomeOf(thrower(new AgentError('LONG', 'x'.repeat(1_000_000))))
  expect(JSON.stringify(end).length).toBeLessThan(20_000)
})

test('an EngineError of an inner call passes through with its code', async () => {
  const { end } = await outcomeOf(thrower(new EngineError('RUN_NOT_FOUND', 'There is no run "x".')))
  expect(end).toMatchObject({ data: { error: { code: 'RUN_NOT_FOUND' } } })
})

describe('an output', () => {
  // origins: AEC-1 L19
  test('that does not fit its schema is a failure, and the values are not told', async () => {
    const { end } = await outcomeOf(() => ({ total: canary }), z.object({ total: z.number() }))
    expect(end).toMatchObject({ type: 'agent_error', data: { error: { code: 'INVALID_OUTPUT' } } })
    expect(JSON.stringify(end)).not.toContain(canary)
    expect(JSON.stringify(end)).toContain('total')
  })

  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  test.each([
    ['has a cycle', cycle],
    ['holds a bigint', { count: 1n }],
    [
      'throws when it is written',
      {
        toJSON: () => {
          throw new Error(canary)
        },
      },
    ],
    ['is a function', () => canary],
    ['is a symbol', Symbol(canary)],
  ])('that %s is a failure: JSON cannot carry it', async (_, value) => {
    const { end } = await outcomeOf(() => value)
    expect(end).toMatchObject({ type: 'agent_error', data: { error: { code: 'INVALID_OUTPUT' } } })
    expect(JSON.stringify(end)).not.toContain(canary)
  })

  test('larger than the limit is a failure that says how large it was', async () => {
    const limits = { resultBytes: 100 }
    const { end } = await outcomeOf(() => 'ä'.repeat(50), z.string(), limits)
    expect(end).toMatchObject({
      data: {
        error: {
          code: 'RESULT_TOO_LARGE',
          message:
            'The result of the agent "agent" takes 102 bytes as JSON; at most 100 are allowed.',
        },
      },
    })
    // A list with one far item is as long as all that it leaves out, and must not be written first.
    const far: number[] = []
    far[4_000_000_000] = 1
    expect((await outcomeOf(() => ({ far }), z.any(), limits)).end).toMatchObject({
      data: {
        error: { code: 'RESULT_TOO_LARGE', message: expect.stringContaining('more than 100') },
      },
    })
    const fits = await outcomeOf(() => 'ä'.repeat(49), z.string(), limits)
    expect(fits.end).toMatchObject({ type: 'agent_completed' })
  })

  // origins: AEC-1
  test('of nothing, where something is promised, is a failure and no silent success', async () => {
    for (const promised of [z.object({ total: z.number() }), z.string(), z.null()]) {
      const { end } = await outcomeOf(() => undefined, promised)
      expect(end).toMatchObject({
        type: 'agent_error',
        data: { error: { code: 'INVALID_OUTPUT' } },
      })
    }
  })

  test('of nothing is null', async () => {
    const { end } = await outcomeOf(() => undefined, z.undefined())
    expect(end).toMatchObject({ type: 'agent_completed', data: { result: null } })
  })

  test('is copied when the run ends: what the agent keeps of it changes nothing', async () => {
    const kept = { list: [1] }
    const agent = defineAgent({
      name: 'agent',
      input: empty,
      output: z.any(),
      run: () => kept,
    })
    const engine = engineOf([agent])
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('agent', {})
      expect(await result).toEqual({ list: [1] })
      kept.list.push(2)
      expect(await engine.run(runId)).toMatchObject({ result: { list: [1] } })
    })
  })

  test('as thenable as a query builder is awaited', async () => {
    const query = new (class {
      // oxlint-disable-next-line unicorn/no-thenable -- the point
      then(resolve: (value: number) => void): void {
        resolve(7)
      }
    })()
    const { end } = await outcomeOf(() => query)
    expect(end).toMatchObject({ data: { result: 7 } })
  })
})

// origins: TLD-2 UEE-10 L19
test('a tool fails with what it throws for the user, and otherwise with TOOL_FAILED', async () => {
  const logger = new RecordingLogger()
  const tool = defineTool({
    name: 'tool',
    input: z.object({ kind: z.enum(['user', 'internal', 'output']) }),
    output: z.object({ ok: z.literal(true) }),
    run: ({ kind }) => {
      if (kind === 'user') throw new AgentError('NO_ACCESS', 'The folder is locked')
      if (kind === 'internal') throw new Error(canary)
      return untyped({ ok: canary })
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ kind: z.string() }),
    output: z.unknown(),
    run: ({ kind }, execution) => execution.call(tool, untyped({ kind })),
  })
  const engine = engineOf([agent], { logger })
  await users.run(alice, async () => {
    for (const [kind, code] of [
      ['user', 'NO_ACCESS'],
      ['internal', 'TOOL_FAILED'],
      ['output', 'INVALID_OUTPUT'],
      ['unknown', 'INVALID_INPUT'],
    ]) {
      const events = await runToEnd(engine, 'agent', { kind })
      expectOneStory(events)
      expect(events.slice(-2)).toMatchObject([
        { type: 'tool_completed', data: { ok: false, error: { code } } },
        { type: 'agent_error', data: { error: { code } } },
      ])
      expect(JSON.stringify(events)).not.toContain(canary)
    }
  })
  expect(logger.entries).toMatchObject([
    { message: 'tool failed', fields: { tool: 'tool', agent: 'agent' } },
  ])
  expect(logger.text()).toContain(canary)
})

test('an agent whose cleanup fails has failed, whatever it returned; a failure before that stays the failure', async () => {
  const logger = new RecordingLogger()
  const { currentScope } = await import('@ringfence/context')
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ fails: z.boolean() }),
    output: z.string(),
    run: ({ fails }) => {
      currentScope().defer(() => {
        throw new Error(canary)
      })
      if (fails) throw new AgentError('FIRST', 'what went wrong')
      return 'done'
    },
  })
  const engine = engineOf([agent], { logger })
  await users.run(alice, async () => {
    const both = await runToEnd(engine, 'agent', { fails: true })
    expect(both.at(-1)).toMatchObject({ data: { error: { code: 'FIRST' } } })
    const one = await runToEnd(engine, 'agent', { fails: false })
    expect(one.at(-1)).toMatchObject({ data: { error: { code: 'AGENT_FAILED' } } })
    expect(JSON.stringify([both, one])).not.toContain(canary)
  })
  expect(logger.entries).toHaveLength(2)
  expect(logger.text()).toContain(canary)
})

test('a schema that throws is a failure like any other', async () => {
  const { end, logger } = await outcomeOf(
    () => 'x',
    z.string().transform(() => {
      throw new Error(canary)
    }),
  )
  expect(end).toMatchObject({ data: { error: { code: 'AGENT_FAILED' } } })
  expect(logger.text()).toContain(canary)
})

test('a logger that throws cannot keep a run from its end', async () => {
  const agent = defineAgent({ name: 'agent', input: empty, output: z.null(), run: thrower('x') })
  const broken = thrower(new Error('the disk is full'))
  const engine = engineOf([agent], { logger: { error: broken, warn: broken } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'AGENT_FAILED' } } })
  })
  await nextTurn()
  await expectNothingLeft(engine)
})

test('an error that the logger cannot read is logged without what it says', async () => {
  const lines: object[] = []
  const unreadable = Object.defineProperty(new Error(), 'stack', { get: thrower(new Error('no')) })
  const log = (fields: object, message: string): void => {
    const { err }: { err?: unknown } = fields
    lines.push({ message, err: err instanceof Error ? err.stack : err })
  }
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: thrower(unreadable),
  })
  const engine = engineOf([agent], { logger: { error: log, warn: log } })
  await users.run(alice, () => runToEnd(engine, 'agent'))
  expect(lines).toEqual([{ message: 'agent failed', err: 'cannot be logged' }])
  await expectNothingLeft(engine)
})
