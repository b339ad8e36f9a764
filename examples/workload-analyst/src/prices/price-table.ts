import * as z from 'zod'
import { type PicoDollars, readDecimal } from '../money.ts'

/** What a model costs, in pico-dollars for one token. */
export interface ModelPrice {
  readonly model: string
  readonly input: PicoDollars
  /** Input tokens that the provider read from its cache; null where the table does not say. */
  readonly cachedInput: PicoDollars | null
  readonly output: PicoDollars
  /** A cheaper model of the same family, where the table names one. */
  readonly cheaper: ModelPrice | null
}

/** A checked table of prices. */
export interface PriceTable {
  /** The day on which the prices held, as the table says it. */
  readonly asOf: string
  /** The price of a model by its name or an alias, whatever the case; undefined where unknown. */
  priceOf(model: string): ModelPrice | undefined
}

/** A table of prices that cannot be used; the message names the entry and what is wrong with it. */
export class InvalidPricesError extends Error {
  override readonly name = 'InvalidPricesError'
  readonly code = 'INVALID_PRICES'
}

const largestPrice = 1000
const decimals = 6

/** A price in dollars for a million tokens is a whole number of pico-dollars for one. */
const perMillion = z
  .number()
  .min(0)
  .max(largestPrice)
  .refine((price) => Number.isInteger(Number((price * 10 ** decimals).toPrecision(15))), {
    error: `a price has at most ${decimals} decimals`,
  })
  .transform((price) => readDecimal(price.toFixed(decimals), decimals) ?? 0n)

const entry = z.strictObject({
  inputPerMillion: perMillion,
  cachedInputPerMillion: perMillion.optional(),
  outputPerMillion: perMillion,
  aliases: z.array(z.string().min(1)).default([]),
  cheaper: z.string().min(1).optional(),
})

const table = z.strictObject({
  currency: z.literal('USD'),
  asOf: z.string().min(1),
  source: z.string().optional(),
  models: z.record(z.string().min(1), entry),
})

/**
 * Checks a table of prices (the parsed JSON of a file like `prices.json`). Prices are dollars for a
 * million tokens, with at most six decimals. Throws INVALID_PRICES.
 */
export const readPrices = (json: unknown): PriceTable => {
  const checked = table.safeParse(json)
  if (!checked.success) {
    throw new InvalidPricesError(
      `The table of prices is not valid. ${z.prettifyError(checked.error)}`,
    )
  }
  const { asOf, models } = checked.data
  const byName = new Map<string, ModelPrice>()
  const entries = Object.entries(models)
  const known = new Map(entries.map(([name, model]) => [name, model]))
  const prices = new Map<string, ModelPrice>()

  const build = (name: string, path: readonly string[]): ModelPrice => {
    const done = prices.get(name)
    if (done !== undefined) return done
    const model = known.get(name)
    if (model === undefined || path.includes(name)) {
      const why = model === undefined ? 'is not in the table' : 'leads back to itself'
      throw new InvalidPricesError(`The cheaper model "${name}" of "${path.at(-1)}" ${why}.`)
    }
    const cheaper = model.cheaper === undefined ? null : build(model.cheaper, [...path, name])
    const price: ModelPrice = {
      model: name,
      input: model.inputPerMillion,
      cachedInput: model.cachedInputPerMillion ?? null,
      output: model.outputPerMillion,
      cheaper,
    }
    requireOrder(price)
    prices.set(name, price)
    return price
  }

  for (const [name, model] of entries) {
    const price = build(name, [])
    for (const alias of [name, ...model.aliases]) {
      const key = alias.trim().toLowerCase()
      if (byName.has(key)) throw new InvalidPricesError(`The model "${alias}" has two prices.`)
      byName.set(key, price)
    }
  }
  return { asOf, priceOf: (model) => byName.get(model.trim().toLowerCase()) }
}

const requireOrder = (price: ModelPrice): void => {
  const { cheaper } = price
  if (price.cachedInput !== null && price.cachedInput > price.input) {
    throw new InvalidPricesError(`Cached input of "${price.model}" costs more than input.`)
  }
  if (cheaper !== null && (cheaper.input > price.input || cheaper.output > price.output)) {
    throw new InvalidPricesError(`"${cheaper.model}" is not cheaper than "${price.model}".`)
  }
}
