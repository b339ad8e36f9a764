import type { Workload } from '../log/workload.ts'
import type { PicoDollars } from '../money.ts'
import type { ModelPrice, PriceTable } from './price-table.ts'

/** What the calls of one workload cost. */
export interface Pricing {
  /** What the call cost: as the log says, else by the table; null where neither knows. */
  paid(row: number): PicoDollars | null
  /** Whether the log itself says what the call cost. */
  isLogged(row: number): boolean
  /** The table's price of the call's model. */
  priceOf(row: number): ModelPrice | undefined
}

/** What `input` tokens, `cached` of them from the cache, and `output` tokens cost at a price. */
export const costAt = (
  price: ModelPrice,
  input: number,
  cached: number,
  output: number,
): PicoDollars =>
  BigInt(input - cached) * price.input +
  BigInt(cached) * (price.cachedInput ?? price.input) +
  BigInt(output) * price.output

/** Prices a workload: a cost in the log wins over the table. */
export const createPricing = (workload: Workload, prices: PriceTable): Pricing => {
  const { models, costs, inputTokens, outputTokens, cachedTokens } = workload
  const byModel = (models?.names ?? []).map((name) => prices.priceOf(name))
  const priceOf = (row: number): ModelPrice | undefined =>
    models === null ? undefined : byModel[models.ids[row] ?? 0]
  const isLogged = (row: number): boolean => (costs?.[row] ?? -1n) >= 0n
  return {
    isLogged,
    priceOf,
    paid(row) {
      const logged = costs?.[row] ?? -1n
      if (logged >= 0n) return logged
      const price = priceOf(row)
      if (price === undefined) return null
      return costAt(price, inputTokens[row] ?? 0, cachedTokens?.[row] ?? 0, outputTokens[row] ?? 0)
    },
  }
}
