import { checkedNames, checkedObject } from '../internal/checked-option.ts'
import { checkedAmount } from './ledger-amounts.ts'
import type { UsageEntry } from './usage-entry.ts'

/**
 * What a million tokens of a model cost, in millionths of the currency: 3 dollars are 3,000,000. Whole numbers,
 * so that no sum of them drifts.
 */
export interface ModelPrice {
  readonly input: number
  readonly output: number
  /** Of input that came from the provider's cache. Default: `input`. */
  readonly cached?: number | undefined
  /** Of output that was reasoning. Default: `output`. */
  readonly reasoning?: number | undefined
}

/** Prices by the name of the model. `*` is for every model that has none of its own. */
export type PriceTable = Readonly<Record<string, ModelPrice>>

const million = 1_000_000n
const names: { readonly [Name in keyof Required<ModelPrice>]: true } = {
  input: true,
  output: true,
  cached: true,
  reasoning: true,
}

/** A frozen copy. Throws TypeError for a price that is none. */
export function checkedPrices(prices: PriceTable): PriceTable {
  const checked: Record<string, ModelPrice> = {}
  for (const [model, price] of Object.entries(prices)) {
    checkedNames(`the price of "${model}"`, checkedObject(`the price of "${model}"`, price), names)
    const fields = Object.entries({ cached: price.input, reasoning: price.output, ...price })
    const [input, output] = [price.input, price.output]
    for (const [name, value] of fields) {
      if (value !== undefined) checkedAmount(`the price \`${name}\` of "${model}"`, value)
    }
    checked[model] = Object.freeze({
      input: checkedAmount(`the price \`input\` of "${model}"`, input),
      output: checkedAmount(`the price \`output\` of "${model}"`, output),
      cached: price.cached ?? input,
      reasoning: price.reasoning ?? output,
    })
  }
  return Object.freeze(Object.assign(Object.create(null), checked))
}

/** The price of a model, or undefined where the table has none. */
export function priceOf(prices: PriceTable, model: string | undefined): ModelPrice | undefined {
  return (model === undefined ? undefined : prices[model]) ?? prices['*']
}

/**
 * What an entry costs: as it says, or as the table says, rounded up to a whole millionth once for the entry.
 * Exact, however large the numbers. Undefined where nothing says.
 */
export function costOf(prices: PriceTable, entry: UsageEntry): number | undefined {
  if (entry.costMicros !== undefined) return entry.costMicros
  const { inputTokens = 0, outputTokens = 0 } = entry
  if (inputTokens === 0 && outputTokens === 0) return 0
  const price = priceOf(prices, entry.model)
  if (price === undefined) return undefined
  const { input, output, cached = input, reasoning = output } = price
  // A part is never more than the whole, whatever a provider reports.
  const cachedTokens = Math.min(entry.cachedTokens ?? 0, inputTokens)
  const reasoningTokens = Math.min(entry.reasoningTokens ?? 0, outputTokens)
  const cost =
    BigInt(inputTokens - cachedTokens) * BigInt(input) +
    BigInt(cachedTokens) * BigInt(cached) +
    BigInt(outputTokens - reasoningTokens) * BigInt(output) +
    BigInt(reasoningTokens) * BigInt(reasoning)
  return Math.min(Number.MAX_SAFE_INTEGER, Number((cost + million - 1n) / million))
}
