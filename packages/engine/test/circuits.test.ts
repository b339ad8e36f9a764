import { expect, test } from 'vitest'
import * as z from 'zod'
import { agentEvent, AgentError, defineAgent, defineTool, EngineError } from '../src/index.ts'
import { Circuits, type CircuitOptions } from '../src/dependencies/circuits.ts'
import { caught, engineError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { engineOf, runToEnd, storyOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})

function circuitsAt(options: CircuitOptions = {}): {
  readonly circuits: Circuits
  readonly clock: { now: number }
  readonly fail: (userId: string, dependency?: string) => Promise<unknown>
  readonly succeed: (userId: string, dependency?: string) => Promise<unknown>
} {
  const clock = { now: 1_000 }
  const circuits = new Circuits(options, () => clock.now, undefined)
  const call = (
    userId: string,
    dependency: string,
    work: () => Promise<unknown>,
  ): Promise<unknown> =>
    users.run({ userId }, () => circuits.guard(dependency, work).catch((error: unknown) => error))
  return {
    circuits,
    clock,
    fail: (userId, dependency = 'search') =>
      call(userId, dependency, async () => {
        throw new Error('down')
      }),
    succeed: (userId, dependency = 'search') => call(userId, dependency, async () => 'up'),
  }
}

const isRefused = (answer: unknown): boolean =>
  EngineError.is(answer) && answer.code === 'CIRCUIT_OPEN'

// origins: TRK-4 API-2
test('what fails for one user three times is refused to them, and to nobody else, and nothing else is', async () => {
  const { circuits, clock, fail, succeed } = circuitsAt()
  for (let time = 0; time < 3; time += 1) expect(isRefused(await fail('alice'))).toBe(false)
  const refusal = await succeed('alice')
  expect(refusal).toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 30_000 })
  expect(await succeed('alice', 'mail')).toBe('up')
  expect(await succeed('bob')).toBe('up')
  await users.run({ userId: 'alice', tenantId: 'acme' }, async () => {
    expect(await circuits.guard('search', async () => 'up')).toBe('up')
  })
  expect(circuits.health()).toEqual([{ dependency: 'search', open: 1, halfOpen: 0, failing: 0 }])
  clock.now += 30_000
  expect(circuits.health()).toEqual([{ dependency: 'search', open: 0, halfOpen: 1, failing: 0 }])
  expect(await succeed('alice')).toBe('up')
  expect(await succeed('alice')).toBe('up')
  expect(circuits.health()).toEqual([])
  expect(circuits.size).toBe(0)
})

test('half open, one call at a time is let through, also where many come at once', async () => {
  const { circuits, clock, fail } = circuitsAt()
  for (let time = 0; time < 3; time += 1) await fail('alice')
  clock.now += 30_000
  const go = deferred()
  let begun = 0
  const calls = Array.from({ length: 5 }, () =>
    users.run(alice, () =>
      circuits
        .guard('search', async () => {
          begun += 1
          await go.promise
          return 'up'
        })
        .catch((error: unknown) => error),
    ),
  )
  go.resolve()
  const answers = await Promise.all(calls)
  expect(begun).toBe(1)
  expect(answers.filter(isRefused)).toHaveLength(4)
})

test('a refusal is an answer, a cancel says nothing, and neither opens a circuit', async () => {
  const { circuits } = circuitsAt()
  const errors = [
    new AgentError('NO', 'no'),
    new EngineError('INVALID_INPUT', 'no'),
    new EngineError('INVALID_OUTPUT', 'no'),
    new EngineError('CANCELLED', 'no'),
    Object.assign(new Error('404'), { isRetryable: false }),
  ]
  for (const error of errors) {
    for (let time = 0; time < 5; time += 1) {
      const thrown = await users.run(alice, () =>
        caught(() => circuits.guard('search', () => Promise.reject(error))),
      )
      expect(thrown).toBe(error)
    }
  }
  expect(circuits.size).toBe(0)
})

test('circuits take no memory while all is well, little when it is not, and are forgotten in time', async () => {
  const { circuits, clock, fail, succeed } = circuitsAt({ circuits: 50 })
  for (let user = 0; user < 100; user += 1) await succeed(`user-${user}`)
  expect(circuits.size).toBe(0)
  for (let user = 0; user < 200; user += 1) await fail(`user-${user}`)
  expect(circuits.size).toBe(50)
  expect(circuits.health()).toEqual([{ dependency: 'search', open: 0, halfOpen: 0, failing: 50 }])
  clock.now += 300_000
  expect(circuits.health()).toEqual([])
  await fail('alice')
  expect(circuits.size).toBe(1)
})

test('failures that are long apart are not in a row', async () => {
  const { clock, fail } = circuitsAt()
  for (let time = 0; time < 10; time += 1) {
    expect(isRefused(await fail('alice'))).toBe(false)
    clock.now += 30_000
  }
})

test('the tools of an agent that name a dependency share its circuit; the others have none', async () => {
  const logger = new RecordingLogger()
  let calls = 0
  const broken = (
    name: string,
    dependency?: string,
  ): ReturnType<typeof defineTool<typeof empty, z.ZodNull>> =>
    defineTool({
      name,
      input: empty,
      output: z.null(),
      ...(dependency === undefined ? {} : { dependency }),
      run: () => {
        calls += 1
        throw new Error('down')
      },
    })
  const [find, list, free] = [broken('find', 'search'), broken('list', 'search'), broken('free')]
  const codes: unknown[] = []
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, own) => {
      for (const tool of [find, list, find, list, free, free, free, free]) {
        codes.push((await engineError(() => own.call(tool, {}))).code)
      }
      return null
    },
  })
  const engine = engineOf([agent], { logger })
  await users.run(alice, async () => (await engine.start('agent', {})).result)
  expect(codes).toEqual([
    ...Array.from({ length: 3 }, () => 'TOOL_FAILED'),
    'CIRCUIT_OPEN',
    ...Array.from({ length: 4 }, () => 'TOOL_FAILED'),
  ])
  expect(calls).toBe(7)
  expect(engine.dependencies()).toEqual([
    { dependency: 'search', open: 1, halfOpen: 0, failing: 0 },
  ])
  expect(logger.entries.map(({ message }) => message)).toContain('a circuit has opened for a user')
  codes.length = 0
  await users.run(bob, async () => (await engine.start('agent', {})).result)
  expect(codes[0]).toBe('TOOL_FAILED')
})

test('when to come back is said in the events: of the call, and of the run that ends by it', async () => {
  const broken = defineTool({
    name: 'broken',
    input: empty,
    output: z.null(),
    dependency: 'search',
    run: () => {
      throw new Error('down')
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, own) => own.call(broken, {}),
  })
  const engine = engineOf([agent], { now: () => 1_000 })
  await users.run(alice, async () => {
    for (let time = 0; time < 3; time += 1) await runToEnd(engine, 'agent')
    const { runId, result } = await engine.start('agent', {})
    await expect(result).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 30_000 })
    const events = (await storyOf(engine, runId)).map((event) => agentEvent.parse(event))
    const error = { code: 'CIRCUIT_OPEN', retryAfterMs: 30_000 }
    expect(events.find(({ type }) => type === 'tool_completed')).toMatchObject({ data: { error } })
    expect(events.at(-1)).toMatchObject({ type: 'agent_error', data: { error } })
    expect(await engine.run(runId)).toMatchObject({ error })
  })
})

test.each<[string, unknown]>([
  ['no failures', { failures: 0 }],
  ['a fraction', { openMs: 1.5 }],
  ['a text', { successes: '2' }],
  ['an unknown option', { threshold: 3 }],
])('circuits with %s are refused', (_, options) => {
  expect(() => new Circuits(untyped<CircuitOptions>(options), Date.now, undefined)).toThrow(
    TypeError,
  )
})
