import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PriceTable } from '../src/index.ts'
import { checkedPrices, costOf } from '../src/ledger/price-table.ts'
import { untyped } from './support/untyped.ts'

const dollars3 = { input: 3_000_000, output: 15_000_000, cached: 300_000 }

test('a million tokens cost what the table says, and one token the millionth part', () => {
  const prices = checkedPrices({ model: dollars3 })
  const cost = (entry: object): number | undefined => costOf(prices, { model: 'model', ...entry })
  expect(cost({ inputTokens: 1_000_000 })).toBe(3_000_000)
  expect(cost({ inputTokens: 1_000_000, cachedTokens: 1_000_000 })).toBe(300_000)
  expect(cost({ outputTokens: 1_000_000 })).toBe(15_000_000)
  // Reasoning costs what output costs, unless the table says otherwise.
  expect(cost({ outputTokens: 1_000_000, reasoningTokens: 1_000_000 })).toBe(15_000_000)
  expect(cost({ inputTokens: 1, outputTokens: 1 })).toBe(18)
  expect(cost({ costMicros: 5, inputTokens: 1_000_000 })).toBe(5)
  expect(cost({})).toBe(0)
})

test('a cost is rounded up, once for an entry', () => {
  const prices = checkedPrices({ model: { input: 1, output: 1 } })
  expect(costOf(prices, { model: 'model', inputTokens: 1, outputTokens: 1 })).toBe(1)
  expect(costOf(prices, { model: 'model', inputTokens: 1_000_001 })).toBe(2)
})

test('a model without a price has that of "*", or none', () => {
  const prices = checkedPrices({ model: dollars3, '*': { input: 1_000_000, output: 1_000_000 } })
  expect(costOf(prices, { model: 'other', inputTokens: 1 })).toBe(1)
  expect(costOf(prices, { inputTokens: 1 })).toBe(1)
  const without = checkedPrices({ model: dollars3 })
  expect(costOf(without, { model: 'other', inputTokens: 1 })).toBe(undefined)
  expect(costOf(without, { inputTokens: 1 })).toBe(undefined)
  // What every object has is no model.
  expect(costOf(without, { model: 'constructor', inputTokens: 1 })).toBe(undefined)
})

test('a provider that reports a larger part than the whole is not believed', () => {
  const prices = checkedPrices({ model: { ...dollars3, reasoning: 0 } })
  const entry = { model: 'model', inputTokens: 10, cachedTokens: 1_000, outputTokens: 10 }
  expect(costOf(prices, { ...entry, reasoningTokens: 1_000 })).toBe(3)
})

test('sums of costs never drift: they are what whole numbers make of them', () => {
  const count = fc.integer({ min: 0, max: 2_000_000_000 })
  const price = fc.integer({ min: 0, max: 1_000_000_000 })
  fc.assert(
    fc.property(count, count, count, count, price, price, price, (a, b, c, d, x, y, z) => {
      const prices = checkedPrices({ model: { input: x, output: y, cached: z } })
      const entry = { model: 'model', inputTokens: a, outputTokens: b }
      const cost = costOf(prices, { ...entry, cachedTokens: c, reasoningTokens: d })
      const cached = Math.min(a, c)
      const millionths =
        BigInt(a - cached) * BigInt(x) + BigInt(cached) * BigInt(z) + BigInt(b) * BigInt(y)
      expect(Number.isSafeInteger(cost)).toBe(true)
      if (cost === Number.MAX_SAFE_INTEGER) return
      const over = BigInt(cost ?? -1) * 1_000_000n - millionths
      expect(over >= 0n && over < 1_000_000n).toBe(true)
    }),
  )
})

test.each<[string, unknown]>([
  ['no output', { input: 1 }],
  ['a fraction', { input: 0.5, output: 1 }],
  ['less than nothing', { input: 1, output: -1 }],
  ['NaN', { input: 1, output: 1, cached: Number.NaN }],
  ['a text', { input: '1', output: 1 }],
])('a price with %s is refused', (_, price) => {
  expect(() => checkedPrices(untyped<PriceTable>({ model: price }))).toThrow(TypeError)
})
