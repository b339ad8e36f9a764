import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  EngineError,
  pipeline,
  type AgentDefinition,
  type BudgetOptions,
  type BudgetSource,
  type Failure,
  type UserExecutionEngine,
} from '../src/index.ts'
import { caught, engineError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { engineOf, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { FailingLedgerStore } from './support/failing-ledger-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { storeWith } from './support/store-with.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})

function agentOf(name: string, run: AgentDefinition['run']): AgentDefinition {
  return defineAgent({ name, input: empty, output: z.unknown(), run })
}

const nothing = defineTool({ name: 'nothing', input: empty, output: z.null(), run: () => null })

/** How the run ended, for whoever runs it. */
async function endOf(engine: UserExecutionEngine, agent: string): Promise<Failure | 'completed'> {
  const { runId, result } = await engine.start(agent, {})
  await result.catch(() => undefined)
  const { error } = await engine.run(runId)
  return error ?? 'completed'
}

const spender = agentOf('spender', async (_, own) => {
  const step = await own.budget.reserve({ costMicros: 4 })
  await step.settle({ costMicros: 4 })
  return null
})

test('a run of an owner whose budget is used up ends with BUDGET_EXCEEDED before it begins; others run', async () => {
  const engine = engineOf([spender], { budgets: { owner: { day: { costMicros: 10 } } } })
  await users.run(alice, async () => {
    expect(await endOf(engine, 'spender')).toBe('completed')
    expect(await endOf(engine, 'spender')).toBe('completed')
    // 2 are left, and 4 are asked for.
    expect(await endOf(engine, 'spender')).toMatchObject({ code: 'BUDGET_EXCEEDED' })
    expect((await engine.ledger.sums()).all).toMatchObject({ costMicros: 8, runs: 3 })
    expect(await engine.ledger.budgets()).toEqual([
      { window: 'day', agent: undefined, measure: 'costMicros', most: 10, used: 8, held: 0 },
    ])
  })
  await users.run(bob, async () => {
    expect(await endOf(engine, 'spender')).toBe('completed')
  })
  await expectNothingLeft(engine)
})

test('a number of runs is a budget: the one too many has only its end, and says when to come back', async () => {
  let time = Date.UTC(2026, 0, 1, 0, 59)
  const calls = agentOf('calls', async (_, own) => {
    // The last run that may begin may also do something.
    await own.call(nothing, {})
    return null
  })
  const budgets = { owner: { hour: { runs: 2 } } }
  const engine = engineOf([calls], { budgets, now: () => time })
  await users.run(alice, async () => {
    for (let run = 0; run < 2; run += 1) expect(await endOf(engine, 'calls')).toBe('completed')
    const { runId, result } = await engine.start('calls', {})
    const error = await engineError(() => result)
    expect(error).toMatchObject({ code: 'BUDGET_EXCEEDED', retryAfterMs: 60_000 })
    expect(typesOf(await storyOf(engine, runId))).toEqual(['agent_error'])
    time += 60_000
    expect(await endOf(engine, 'calls')).toBe('completed')
  })
})

test.each<[string, BudgetOptions]>([
  ['a tool call', { owner: { run: { toolCalls: 1 } } }],
  ['a tool call of that agent', { agents: { whole: { run: { toolCalls: 1 } } } }],
])('%s beyond the budget is refused, and begins nothing', async (_, budgets) => {
  const whole = agentOf('whole', async (_input, own) => {
    await own.call(nothing, {})
    const error = await caught(() => own.call(nothing, {}))
    expect(error).toMatchObject({ code: 'BUDGET_EXCEEDED' })
    return null
  })
  const engine = engineOf([whole], { budgets })
  await users.run(alice, async () => {
    // Per run: every run may do it once.
    for (let run = 0; run < 2; run += 1) {
      const types = typesOf(await runToEnd(engine, 'whole'))
      expect(types.filter((type) => type === 'tool_executing')).toHaveLength(1)
      expect(types.at(-1)).toBe('agent_completed')
    }
  })
})

test('a delegation and a tool call are refused once nothing is left of what they might use', async () => {
  const part = agentOf('part', () => null)
  const refused: unknown[] = []
  const whole = agentOf('whole', async (_, own) => {
    await own.delegate(part, {})
    // Used is used, also beyond the budget.
    await own.usage({ inputTokens: 11 })
    refused.push(await caught(() => own.delegate(part, {})))
    refused.push(await caught(() => own.call(nothing, {})))
    refused.push(await caught(() => own.budget.reserve()))
    return null
  })
  const engine = engineOf([whole], { budgets: { owner: { run: { inputTokens: 10 } } } })
  await users.run(alice, () => runToEnd(engine, 'whole'))
  expect(refused).toHaveLength(3)
  for (const error of refused) {
    expect(error).toBeInstanceOf(EngineError)
    expect(error).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  }
})

test('the time that is still passing counts: a step is refused when the run has used up its own', async () => {
  let time = 0
  const slow = agentOf('slow', async (_, own) => {
    time = 900
    await own.call(nothing, {})
    time = 1_001
    await own.call(nothing, {})
  })
  const engine = engineOf([slow], {
    budgets: { owner: { run: { runMs: 1_000 } } },
    now: () => time,
  })
  await users.run(alice, async () => {
    expect(await endOf(engine, 'slow')).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  })
})

test('budgets follow the plan of the user', async () => {
  const budgets: BudgetSource = (context) =>
    Reflect.get(context, 'plan') === 'pro' ? {} : { owner: { day: { runs: 1 } } }
  const engine = engineOf([agentOf('agent', () => null)], { budgets })
  await users.run({ userId: 'free', plan: 'free' }, async () => {
    expect(await endOf(engine, 'agent')).toBe('completed')
    expect(await endOf(engine, 'agent')).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  })
  await users.run({ userId: 'pro', plan: 'pro' }, async () => {
    for (let run = 0; run < 3; run += 1) expect(await endOf(engine, 'agent')).toBe('completed')
  })
})

test('a reservation that is released costs nothing, one that is forgotten what was set aside, and settling twice nothing more', async () => {
  const agent = agentOf('agent', async (_, own) => {
    const released = await own.budget.reserve({ costMicros: 100 })
    await released.release()
    const settled = await own.budget.reserve({ costMicros: 50 })
    await settled.settle({ costMicros: 3 })
    await settled.settle({ costMicros: 3 })
    await settled.release()
    await own.budget.reserve({ costMicros: 20 })
    return null
  })
  const engine = engineOf([agent], { budgets: { owner: { day: { costMicros: 100 } } } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expect(events.filter(({ type }) => type === 'usage_recorded')).toHaveLength(1)
    expect((await engine.ledger.sums()).all.costMicros).toBe(23)
    expect(await engine.ledger.budgets()).toMatchObject([{ used: 23, held: 0 }])
  })
})

test('what is set aside for a tool call that was given up is given back, and the time charged that it took', async () => {
  let time = 0
  const leave = deferred()
  const stuck = defineTool({
    name: 'stuck',
    input: empty,
    output: z.null(),
    timeoutMs: 10,
    run: async () => {
      time = 40
      await leave.promise
      return null
    },
  })
  const agent = agentOf('agent', (_, own) => own.call(stuck, {}))
  const engine = engineOf([agent], {
    budgets: { owner: { day: { toolMs: 1_000, orphanMs: 5 } } },
    limits: { abortGraceMs: 0 },
    now: () => time,
  })
  await users.run(alice, async () => {
    expect(await endOf(engine, 'agent')).toMatchObject({ code: 'TOOL_DEADLINE' })
    time = 50
    expect(await engine.ledger.budgets()).toMatchObject([
      { measure: 'toolMs', used: 40, held: 0 },
      { measure: 'orphanMs', used: 10, held: 0 },
    ])
    // An orphan's time is its owner's, while it still goes on.
    expect(await endOf(engine, 'agent')).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  })
  leave.resolve()
  await expectNothingLeft(engine)
})

test('with a budget for cost, a model that has no price is not called', async () => {
  const agent = agentOf('agent', async (_, own) => {
    await own.budget.reserve({ model: 'unknown', inputTokens: 5 })
  })
  const prices = { known: { input: 1, output: 1 } }
  const limited = engineOf([agent], { prices, budgets: { owner: { day: { costMicros: 9 } } } })
  const free = engineOf([agent], { prices, budgets: { owner: { day: { inputTokens: 9 } } } })
  await users.run(alice, async () => {
    expect(await endOf(limited, 'agent')).toMatchObject({ code: 'UNPRICED_MODEL' })
    expect(await endOf(free, 'agent')).toBe('completed')
  })
})

test('a step that says nothing of what it will use has the usual set aside', async () => {
  const agent = agentOf('agent', async (_, own) => {
    const first = await own.budget.reserve()
    expect(await caught(() => own.budget.reserve())).toMatchObject({ code: 'BUDGET_EXCEEDED' })
    await first.settle({ outputTokens: 1 })
    await own.budget.reserve()
    return null
  })
  const engine = engineOf([agent], {
    budgets: { owner: { run: { outputTokens: 10 } }, modelStep: { outputTokens: 6 } },
  })
  await users.run(alice, async () => expect(await endOf(engine, 'agent')).toBe('completed'))
})

test('a ledger that cannot be asked lets no step through', async () => {
  const ledger = new FailingLedgerStore()
  ledger.failing = true
  const store = storeWith({ ledger })
  const engine = engineOf([spender], { store, budgets: { owner: { day: { runs: 5 } } } })
  await users.run(alice, async () => {
    expect(await endOf(engine, 'spender')).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
  await expectNothingLeft(engine)
})

test(
  'whatever runs at once: a budget is exceeded by no more than what steps used beyond what they had said',
  { timeout: 60_000 },
  async () => {
    const step = fc.record({
      said: fc.integer({ min: 1, max: 20 }),
      /** What it uses beyond that; mostly it uses less. */
      beyond: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: -20, max: 0 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 10 }) },
      ),
      turns: fc.integer({ min: 0, max: 3 }),
    })
    const runs = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    })
    let refused = 0
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 10, max: 80 }), async (plans, most) => {
        /** What open steps used beyond what they had said, in all. */
        let beyond = 0
        const agents = plans.map((steps, index) =>
          agentOf(`agent-${index}`, async (_, own) => {
            for (const { said, beyond: more, turns } of steps) {
              const hold = await own.budget.reserve({ outputTokens: said })
              for (let turn = 0; turn < turns; turn += 1) await nextTurn()
              const used = Math.max(0, said + more)
              beyond += Math.max(0, used - said)
              await hold.settle({ outputTokens: used })
            }
            return null
          }),
        )
        const engine = engineOf(agents, {
          budgets: { owner: { day: { outputTokens: most } } },
          limits: { ownerConcurrency: 6 },
        })
        await users.run(alice, async () => {
          const ends = await Promise.all(agents.map(({ name }) => endOf(engine, name)))
          refused += ends.filter((end) => end !== 'completed').length
          const codes = ends.map((end) => (end === 'completed' ? end : end.code))
          expect(new Set([...codes, 'completed', 'BUDGET_EXCEEDED']).size).toBe(2)
          const [standing] = await engine.ledger.budgets()
          expect(standing?.held).toBe(0)
          expect(standing?.used).toBeLessThanOrEqual(most + beyond)
        })
        await engine.close()
      }),
      { numRuns: 60 },
    )
    // Runs that all fit would prove nothing.
    expect(refused).toBeGreaterThan(20)
  },
)

test.each<[string, unknown]>([
  ['an unknown option', { user: {} }],
  ['an unknown window', { owner: { week: { runs: 1 } } }],
  ['an unknown measure', { owner: { day: { dollars: 1 } } }],
  ['a fraction', { owner: { day: { runs: 0.5 } } }],
  ['less than nothing', { agents: { a: { day: { runs: -1 } } } }],
  ['a text', { owner: { day: { runs: '5' } } }],
  ['an unknown measure of a step', { modelStep: { dollars: 1 } }],
])('a budget with %s is refused when the engine is made', async (_, budgets) => {
  const made = (): unknown => engineOf([spender], { budgets: untyped<BudgetOptions>(budgets) })
  expect(made).toThrow(TypeError)
})

test('a source of budgets that throws, or gives none, fails the start and leaves nothing behind', async () => {
  for (const source of [
    () => {
      throw new Error('no plan')
    },
    () => untyped<BudgetOptions>({ owner: { day: { runs: -1 } } }),
  ]) {
    const engine = engineOf([spender], { budgets: source })
    await users.run(alice, async () => {
      expect(await caught(() => engine.start('spender', {}))).toBeInstanceOf(Error)
      expect((await engine.runs()).runs).toEqual([])
    })
    await expectNothingLeft(engine)
  }
})

test('an entry of usage says what is known, and nothing else', async () => {
  const errors: unknown[] = []
  const careless = agentOf('careless', async (_, own) => {
    for (const entry of [{ cost: 5 }, { tokens: 7 }, { costMicros: 1, runs: 1 }]) {
      errors.push(await caught(() => own.usage(untyped(entry))))
      errors.push(await caught(() => own.budget.reserve(untyped(entry))))
    }
    return null
  })
  const engine = engineOf([careless])
  await users.run(alice, async () => {
    expect(await endOf(engine, 'careless')).toBe('completed')
    expect((await engine.ledger.sums()).all.costMicros).toBe(0)
  })
  expect(errors).toHaveLength(6)
  for (const error of errors) expect(error).toBeInstanceOf(TypeError)
  expect(String(errors[0])).toContain('There is no `cost` in an entry of usage')
})

test.each<[string, unknown]>([
  ['a promise of budgets', () => Promise.resolve({ owner: { day: { runs: 1 } } })],
  ['no budgets', () => undefined],
  ['windows that are none', () => ({ owner: 5 })],
])('a run does not begin where its budgets are %s', async (_, budgets) => {
  const engine = engineOf([agentOf('free', () => null)], {
    budgets: untyped<BudgetSource>(budgets),
  })
  await users.run(alice, async () => {
    const error = await caught(async () => (await engine.start('free', {})).result)
    expect(error).toBeInstanceOf(TypeError)
    expect(await caught(() => engine.ledger.budgets())).toBeInstanceOf(TypeError)
  })
  await engine.close({ graceMs: 0 })
})

test.each(['week', null, 7])('there are no windows of a %j', async (period) => {
  const engine = engineOf([])
  await users.run(alice, async () => {
    const message = 'Expected a period of hour, day, month or total'
    await expect(engine.ledger.windows(untyped(period))).rejects.toThrow(message)
    await expect(engine.ledger.sums({ period: untyped(period) })).rejects.toThrow(message)
    await expect(engine.ledger.sums({ at: Number.NaN })).rejects.toThrow('Expected `at` to be')
  })
})

test('the log is told of a budget for an agent that is not registered, once: a misspelt one limits nothing', async () => {
  const stage = agentOf('stage', () => null)
  const both = pipeline({ name: 'both', stages: [stage] })
  const agents = {
    both: {},
    stage: { day: { runs: 9 } },
    spendre: { day: { runs: 9, toolCalls: 9 } },
  }
  for (const budgets of [{ agents }, () => ({ agents })]) {
    const logger = new RecordingLogger()
    const engine = engineOf([both], { budgets, logger })
    await users.run(alice, () => runToEnd(engine, 'both'))
    await users.run(bob, () => runToEnd(engine, 'both'))
    expect(logger.entries).toMatchObject([
      {
        level: 'warn',
        message: 'there is a budget for an agent that is not registered',
        fields: { agent: 'spendre' },
      },
    ])
  }
})
