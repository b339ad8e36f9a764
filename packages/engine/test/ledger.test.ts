import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  type AgentDefinition,
  type LedgerAmounts,
  type ToolCallContext,
  type UsageEntry,
} from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred, nextTurn, until } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf } from './support/engine.ts'
import { FailingLedgerStore } from './support/failing-ledger-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { storeWith } from './support/store-with.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})
const prices = { small: { input: 1_000_000, output: 4_000_000 }, '*': { input: 1, output: 1 } }

/** An agent that does this. */
function agentOf(name: string, run: AgentDefinition['run']): AgentDefinition {
  return defineAgent({ name, input: empty, output: z.unknown(), run })
}

function toolOf(
  run: (call: ToolCallContext) => unknown,
  timeoutMs = 30_000,
): ReturnType<typeof defineTool<typeof empty, z.ZodUnknown>> {
  return defineTool({
    name: 'tool',
    input: empty,
    output: z.unknown(),
    timeoutMs,
    run: (_, call) => run(call),
  })
}

// origins: TLD-3 EMT-5
test('what an agent and its tool use is charged to the owner, the agent and the run, and told', async () => {
  let time = Date.UTC(2026, 0, 1)
  const tool = toolOf(async (call) => {
    time += 30
    await call.usage({ costMicros: 11 })
    return null
  })
  const part = agentOf('part', (_, agent) => agent.call(tool, {}))
  const whole = agentOf('whole', async (_, agent) => {
    time += 5
    await agent.usage({
      model: 'small',
      inputTokens: 10,
      outputTokens: 2,
      cachedTokens: 4,
      reasoningTokens: 1,
    })
    await agent.delegate(part, {})
    return null
  })
  const engine = engineOf([whole], { prices, now: () => time })
  const runId = await users.run(alice, async () => {
    const events = await runToEnd(engine, 'whole')
    expectOneStory(events)
    if (events[0] === undefined) throw new Error('no event')
    expect(
      events
        .filter(({ type }) => type === 'usage_recorded')
        .map(({ agent, data }) => [agent, data]),
    ).toEqual([
      [
        'whole',
        {
          model: 'small',
          inputTokens: 10,
          outputTokens: 2,
          cachedTokens: 4,
          reasoningTokens: 1,
          costMicros: 18,
        },
      ],
      ['part', { costMicros: 11 }],
    ])
    const sums = await engine.ledger.run(events[0].runId)
    expect(sums.all).toEqual<LedgerAmounts>({
      runs: 1,
      toolCalls: 1,
      inputTokens: 10,
      outputTokens: 2,
      cachedTokens: 4,
      reasoningTokens: 1,
      costMicros: 29,
      runMs: 35,
      toolMs: 30,
      orphanMs: 0,
    })
    expect(sums.agents['whole']).toMatchObject({
      runs: 1,
      inputTokens: 10,
      toolCalls: 0,
      runMs: 35,
    })
    expect(sums.agents['part']).toMatchObject({ runs: 0, toolCalls: 1, toolMs: 30, costMicros: 11 })
    await runToEnd(engine, 'whole')
    for (const period of ['hour', 'day', 'month', 'total'] as const) {
      expect((await engine.ledger.sums({ period })).all).toMatchObject({ runs: 2, costMicros: 58 })
    }
    expect((await engine.ledger.sums({ period: 'day', at: 0 })).all.runs).toBe(0)
    expect(await engine.ledger.windows('day')).toMatchObject([{ all: { runs: 2 } }])
    return events[0].runId
  })
  await users.run(bob, async () => {
    expect((await engine.ledger.sums()).all.runs).toBe(0)
    expect(await caught(() => engine.ledger.run(runId))).toMatchObject({ code: 'RUN_NOT_FOUND' })
    expect(await caught(() => engine.ledger.run('none'))).toMatchObject({ code: 'RUN_NOT_FOUND' })
  })
  expect(await contextError(() => engine.ledger.sums())).toMatchObject({ code: 'NO_SCOPE' })
  await expectNothingLeft(engine)
})

test('a run that is cancelled is charged for the time it took and for what it used until then', async () => {
  let time = 0
  const begun = deferred()
  const agent = agentOf('agent', async (_, own) => {
    const { signal } = own
    await own.usage({ costMicros: 5 })
    time = 100
    signal.addEventListener('abort', () => void own.usage({ costMicros: 2 }).catch(() => undefined))
    begun.resolve()
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  const engine = engineOf([agent], { now: () => time })
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    await begun.promise
    // Up to now, while it goes on.
    expect((await engine.ledger.run(runId)).all).toMatchObject({ costMicros: 5, runMs: 100 })
    time = 130
    await engine.cancel(runId)
    expect((await engine.ledger.run(runId)).all).toMatchObject({ costMicros: 7, runMs: 130 })
  })
  await expectNothingLeft(engine)
})

// origins: L25
test('an orphan is charged until it really ends, also where it never does, and cannot spend', async () => {
  let time = 0
  const leave = deferred()
  const late: unknown[] = []
  const tool = toolOf(async (call) => {
    time = 50
    await leave.promise
    late.push(await caught(() => call.usage({ costMicros: 1_000 })))
  }, 10)
  const agent = agentOf('agent', (_, own) => own.call(tool, {}))
  const engine = engineOf([agent], { now: () => time, limits: { abortGraceMs: 0 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await caught(() => result)).toMatchObject({ code: 'TOOL_DEADLINE' })
    const used = async (): Promise<LedgerAmounts> => (await engine.ledger.run(runId)).all
    expect(await used()).toMatchObject({ toolCalls: 1, toolMs: 50, runMs: 50, orphanMs: 0 })
    time = 250
    expect(await used()).toMatchObject({ toolMs: 50, runMs: 50, orphanMs: 200 })
    time = 300
    expect(await used()).toMatchObject({ orphanMs: 250 })
    leave.resolve()
    await until(() => engine.health().orphans === 0)
    time = 900
    expect(await used()).toMatchObject({ orphanMs: 250, costMicros: 0 })
  })
  expect(late).toMatchObject([{ code: 'SCOPE_CLOSED' }])
  await expectNothingLeft(engine)
})

test('what executes outside a run is charged to its owner, and to no run', async () => {
  const agent = agentOf('agent', async (_, own) => {
    await own.usage({ costMicros: 3 })
    return own.name
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    expect(await engine.instances.create('agent').execute({})).toBe('agent')
    const { all, agents } = await engine.ledger.sums()
    expect(all).toMatchObject({ costMicros: 3, runs: 0 })
    expect(Object.keys(agents)).toEqual(['agent'])
  })
})

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a number', 7],
  ['tokens below 0', { inputTokens: -1 }],
  ['half a token', { outputTokens: 0.5 }],
  ['NaN', { costMicros: Number.NaN }],
  ['more than can be counted', { costMicros: 2 ** 53 }],
  ['tokens as a text', { inputTokens: '5' }],
  ['a model without a name', { model: '' }],
  ['a model that is none', { model: 5 }],
  ['a model whose name is endless', { model: 'm'.repeat(201) }],
])('usage that is %s is refused with a TypeError, and nothing is charged', async (_, entry) => {
  const agent = agentOf('agent', async (_input, own) => {
    expect(await caught(() => own.usage(untyped<UsageEntry>(entry)))).toBeInstanceOf(TypeError)
    return null
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    await result
    expect((await engine.ledger.run(runId)).all).toMatchObject({ inputTokens: 0, costMicros: 0 })
    expect((await storyOf(engine, runId)).map(({ type }) => type)).not.toContain('usage_recorded')
  })
})

test('a model without a price costs nothing, and is warned of once; without prices nobody is', async () => {
  const agent = agentOf('agent', async (_, own) => {
    await own.usage({ model: 'unknown', inputTokens: 5 })
    await own.usage({ model: 'unknown', inputTokens: 5 })
    return null
  })
  for (const [table, warnings] of [
    [{ small: prices.small }, 1],
    [undefined, 0],
  ] as const) {
    const logger = new RecordingLogger()
    const engine = engineOf([agent], { logger, ...(table === undefined ? {} : { prices: table }) })
    await users.run(alice, () => runToEnd(engine, 'agent'))
    expect(logger.entries).toHaveLength(warnings)
  }
})

test('what could not be stored is stored with what comes next, and the run goes on', async () => {
  const ledger = new FailingLedgerStore()
  const agent = agentOf('agent', async (_, own) => {
    ledger.failing = true
    await own.usage({ costMicros: 3 })
    ledger.failing = false
    await own.usage({ costMicros: 4 })
    return null
  })
  const logger = new RecordingLogger()
  const engine = engineOf([agent], { store: storeWith({ ledger }), logger })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await result).toBe(null)
    expect((await engine.ledger.run(runId)).all).toMatchObject({ costMicros: 7, runs: 1 })
  })
  expect(logger.entries.map(({ message }) => message)).toContain('usage could not be stored')
})

test.each([
  ['without a budget', undefined],
  ['with one', { owner: { day: { costMicros: 100 } } }],
])(
  'what a run could not be charged for at its end is charged once the store takes it, once: %s',
  async (_, budgets) => {
    const ledger = new FailingLedgerStore()
    const tool = toolOf(() => null)
    const agent = agentOf('agent', async (_input, own) => {
      // Set aside and forgotten: it is charged at the end.
      await own.budget.reserve({ costMicros: 10 })
      ledger.failing = true
      await own.usage({ costMicros: 3 })
      return budgets === undefined ? own.call(tool, {}) : null
    })
    const logger = new RecordingLogger()
    const engine = engineOf([agent], {
      store: storeWith({ ledger }),
      logger,
      ...(budgets === undefined ? {} : { budgets }),
    })
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('agent', {})
      await result
      expect(logger.entries.map(({ message }) => message)).toContain('usage could not be stored')
      ledger.failing = false
      const cost = budgets === undefined ? 3 : 13
      for (let look = 0; look < 2; look += 1) {
        expect((await engine.ledger.sums()).all).toMatchObject({ costMicros: cost, runs: 1 })
        expect((await engine.ledger.run(runId)).all).toMatchObject({ costMicros: cost, runs: 1 })
      }
    })
    await expectNothingLeft(engine)
  },
)

test('what owners owe is charged with the next run that is, or when the engine closes', async () => {
  const ledger = new FailingLedgerStore()
  const agent = agentOf('agent', async (_, own) => own.usage({ costMicros: 1 }))
  const engine = engineOf([agent], { store: storeWith({ ledger }) })
  const run = (): Promise<unknown> => engine.start('agent', {}).then(({ result }) => result)
  const charged = async (owner: typeof alice): Promise<number> =>
    users.run(owner, async () => (await ledger.account().sums('total', 0)).all.runs)
  ledger.failing = true
  for (const owner of [alice, alice, bob]) await users.run(owner, run)
  ledger.failing = false
  await users.run(alice, run)
  while ((await charged(alice)) < 3) await nextTurn()
  expect(await charged(bob)).toBe(0)
  await engine.close()
  expect(await charged(bob)).toBe(1)
})

test('a budget that cannot be asked when a run begins is a failure that the log explains', async () => {
  const ledger = new FailingLedgerStore()
  ledger.failing = true
  const logger = new RecordingLogger()
  const budgets = { owner: { day: { runs: 3 } } }
  const engine = engineOf([agentOf('agent', () => null)], {
    store: storeWith({ ledger }),
    logger,
    budgets,
  })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(await caught(() => result)).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(JSON.stringify(await storyOf(engine, runId))).not.toContain('cannot be reached')
  })
  expect(logger.text()).toContain('the ledger cannot be reached')
})
