import { describe, expect, test } from 'vitest'
import { InvalidPricesError, readPrices } from '../src/index.ts'
import { analyzeLog, prices } from './logs.ts'

const table = (models: Record<string, unknown>): unknown => ({
  currency: 'USD',
  asOf: '2025-01-01',
  models,
})
const plain = { inputPerMillion: 2, outputPerMillion: 8 }

describe('a table of prices', () => {
  test('is read in pico-dollars for a token, by name or alias, whatever the case', () => {
    const read = readPrices(
      table({ m: { ...plain, inputPerMillion: 0.0375, aliases: ['m-2025', 'Vendor/M'] } }),
    )
    expect(read.priceOf('M')).toMatchObject({
      input: 37_500n,
      cachedInput: null,
      output: 8_000_000n,
    })
    expect(read.priceOf('vendor/m')).toBe(read.priceOf('m-2025'))
    expect(read.priceOf('m-2026')).toBeUndefined()
    expect(read.priceOf('constructor')).toBeUndefined()
  })

  test('that the example ships has no price that is not exact', () => {
    expect(prices.priceOf('gpt-4o-mini')).toMatchObject({ input: 150_000n, cachedInput: 75_000n })
  })

  test.each([
    ['no object', 3, 'expected object'],
    ['another currency', { currency: 'EUR', asOf: 'x', models: {} }, 'currency'],
    ['a misspelt price', table({ m: { ...plain, cachedPerMillion: 1 } }), 'cachedPerMillion'],
    ['a price that is missing', table({ m: { inputPerMillion: 1 } }), 'models.m.outputPerMillion'],
    [
      'a negative price',
      table({ m: { ...plain, inputPerMillion: -1 } }),
      'models.m.inputPerMillion',
    ],
    [
      'a price with seven decimals',
      table({ m: { ...plain, inputPerMillion: 0.0000001 } }),
      '6 decimals',
    ],
    [
      'a cheaper model that is not listed',
      table({ m: { ...plain, cheaper: 'n' } }),
      '"n" of "m" is not in the table',
    ],
    [
      'a cheaper model that is itself',
      table({ m: { ...plain, cheaper: 'm' } }),
      'leads back to itself',
    ],
    [
      'a cheaper model that costs more',
      table({ m: { ...plain, cheaper: 'n' }, n: { ...plain, outputPerMillion: 9 } }),
      '"n" is not cheaper than "m"',
    ],
    [
      'cached input that costs more',
      table({ m: { ...plain, cachedInputPerMillion: 3 } }),
      'Cached input of "m"',
    ],
    ['a name twice', table({ m: plain, n: { ...plain, aliases: ['M'] } }), '"M" has two prices'],
  ])('with %s is refused', (_claim, json, message) => {
    expect(() => readPrices(json)).toThrow(InvalidPricesError)
    expect(() => readPrices(json)).toThrow(message)
    expect(() => readPrices(json)).toThrow(expect.objectContaining({ code: 'INVALID_PRICES' }))
  })
})

describe('the cost of the calls', () => {
  test('is what the log says, else what the table says, else unknown, and all three are counted', async () => {
    const result = await analyzeLog(
      'model,input_tokens,output_tokens,cost_usd\ngpt-4o,1000000,0,$0.000001\ngpt-4o,1000000,0,\nown,5,5,\nown,5,5,1e-9\n',
    )
    expect(result.totals).toMatchObject({
      costUsd: 2.500001001,
      pricedCalls: 3,
      unpricedCalls: 1,
    })
    expect(result.notes).toContain('The log itself says the cost of 2 calls.')
    expect(result.notes.join('\n')).toContain(
      'The cost of 1 call is computed by the table of prices',
    )
    expect(result.notes.join('\n')).toContain('the table of prices lacks: own.')
    expect(
      result.spendByModel?.map(({ name, costUsd, pricedCalls }) => [name, costUsd, pricedCalls]),
    ).toEqual([
      ['gpt-4o', 2.500001, 2],
      ['own', 1e-9, 1],
    ])
  })

  test('adds up exactly, in whatever order', async () => {
    const costs = ['0.1', '0.2', '0.3', '1e-12', '999999', '0.000000000001']
    const log = (cells: readonly string[]): string =>
      `input_tokens,output_tokens,cost\n${cells.map((cell) => `1,1,${cell}\n`).join('')}`
    const [there, back] = [await analyzeLog(log(costs)), await analyzeLog(log(costs.toReversed()))]
    expect(there.totals.costUsd).toBe(Number('999999.600000000002'))
    expect(back.totals.costUsd).toBe(there.totals.costUsd)
  })
})
