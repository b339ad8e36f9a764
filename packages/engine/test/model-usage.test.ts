import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool, type LedgerAmounts, type UserExecutionEngine } from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { caught } from './support/caught.ts'
import { engineOf, storyOf } from './support/engine.ts'
import { asked, mockModel, said } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const prices = { '*': { input: 1_000_000, output: 2_000_000 } }
const noop = defineTool({ name: 'noop', input: z.object({}), output: z.null(), run: () => null })

/** Runs the assistant for alice: what it used, and how it ended. */
async function run(
  engine: UserExecutionEngine,
): Promise<{ readonly used: LedgerAmounts; readonly error: unknown; readonly events: string[] }> {
  return users.run(alice, async () => {
    const { runId, result } = await engine.start('assistant', { message: 'Hello' })
    const error = await result.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    const events = (await storyOf(engine, runId)).map(({ type }) => type)
    const { all } = await engine.ledger.run(runId).catch(() => engine.ledger.sums())
    return { used: all, error, events }
  })
}

test('each step of a model is charged with what the provider says it used', async () => {
  const model = mockModel('v4', (_, call) => (call === 0 ? asked(['noop', {}]) : said('Done.')))
  const engine = engineOf([modelAgent({ name: 'assistant', model, tools: [noop] })], { prices })
  const { used, events } = await run(engine)
  expect(used).toMatchObject({ inputTokens: 20, outputTokens: 10, costMicros: 40, toolCalls: 1 })
  expect(events.filter((type) => type === 'usage_recorded')).toHaveLength(2)
  await expectNothingLeft(engine)
})

test('a model that goes on and on is stopped by the budget, before the step that it does not cover', async () => {
  let calls = 0
  const model = mockModel('v4', () => {
    calls += 1
    return asked(['noop', {}])
  })
  const assistant = modelAgent({
    name: 'assistant',
    model,
    tools: [noop],
    maxSteps: 100,
    settings: { maxOutputTokens: 10 },
  })
  const engine = engineOf([assistant], {
    prices,
    budgets: { owner: { run: { outputTokens: 22 } } },
  })
  const { used, error } = await run(engine)
  expect(error).toMatchObject({ code: 'BUDGET_EXCEEDED' })
  // Three times five are used, and ten more might be: more than 22.
  expect(calls).toBe(3)
  expect(used.outputTokens).toBe(15)
  await expectNothingLeft(engine)
})

test('with a budget for cost, a model without a price is never asked', async () => {
  const model = mockModel('v4', () => expect.unreachable('it was asked'))
  const engine = engineOf([modelAgent({ name: 'assistant', model })], {
    budgets: { owner: { day: { costMicros: 5 } } },
  })
  expect((await run(engine)).error).toMatchObject({ code: 'UNPRICED_MODEL' })
})

test('an answer that was broken off is charged by what was seen of it', async () => {
  const parts = [
    { type: 'text-start', id: '0' },
    { type: 'text-delta', id: '0', delta: 'x'.repeat(400) },
  ]
  const model = mockModel('v4', () => {
    let pulls = 0
    return new ReadableStream({
      pull(controller) {
        const part = parts[pulls]
        pulls += 1
        if (part === undefined) controller.error(new Error('the connection was cut'))
        else controller.enqueue(part)
      },
    })
  })
  const assistant = modelAgent({ name: 'assistant', model, retry: { attempts: 1 } })
  for (const budgets of [{}, { owner: { day: { outputTokens: 10_000 } } }]) {
    const engine = engineOf([assistant], { prices, budgets })
    const { used, error } = await run(engine)
    expect(error).toMatchObject({ code: 'MODEL_FAILED' })
    expect(used.outputTokens).toBeGreaterThanOrEqual(100)
    expect(used.outputTokens).toBeLessThan(110)
    expect(used.inputTokens).toBeGreaterThan(0)
    await users.run(alice, async () => {
      for (const { held } of await engine.ledger.budgets()) expect(held).toBe(0)
    })
    await expectNothingLeft(engine)
  }
})

test('what a provider tells that can be no number of tokens is not charged', async () => {
  const odd = { total: Number.NaN, cacheRead: -1 }
  const model = mockModel('v4', () => [
    { type: 'text-start', id: '0' },
    { type: 'text-delta', id: '0', delta: 'Hi' },
    { type: 'text-end', id: '0' },
    {
      type: 'finish',
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: { inputTokens: odd, outputTokens: { total: 2.5, reasoning: 'many' } },
    },
  ])
  const engine = engineOf([modelAgent({ name: 'assistant', model })])
  const { used, error } = await run(engine)
  expect(error).toBe(undefined)
  expect(used).toMatchObject({
    inputTokens: 0,
    outputTokens: 3,
    cachedTokens: 0,
    reasoningTokens: 0,
  })
  expect(await caught(() => users.run(alice, () => engine.ledger.run('none')))).toMatchObject({
    code: 'RUN_NOT_FOUND',
  })
})
