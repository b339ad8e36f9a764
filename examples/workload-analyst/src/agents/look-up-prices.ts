import { defineTool, type ToolDefinition } from '@ringfence/engine'
import * as z from 'zod'
import { type PicoDollars, toDollars } from '../money.ts'
import type { PriceTable } from '../prices/price-table.ts'
import { displayName } from '../report/display-name.ts'

/** What the table says about one model, in dollars for a million tokens. */
export interface ListedPrice {
  readonly model: string
  readonly inputPerMillion: number
  readonly outputPerMillion: number
}

/** What a table of prices knows about some models. */
export interface ListedPrices {
  readonly asOf: string
  readonly prices: readonly ListedPrice[]
  /** The models that it does not know. */
  readonly unknown: readonly string[]
}

const perMillion = (perToken: PicoDollars): number => toDollars(perToken * 1_000_000n)

/** Makes the tool that looks models up in a table of prices. */
export const createLookUpPrices = (
  table: PriceTable,
): ToolDefinition<{ readonly models: readonly string[] }, ListedPrices> =>
  defineTool({
    name: 'look_up_prices',
    description: 'Looks up what models cost for a million tokens.',
    input: z.object({ models: z.array(z.string()).readonly() }),
    output: z.object({
      asOf: z.string(),
      prices: z
        .array(
          z.object({
            model: z.string(),
            inputPerMillion: z.number(),
            outputPerMillion: z.number(),
          }),
        )
        .readonly(),
      unknown: z.array(z.string()).readonly(),
    }),
    run({ models }) {
      const prices: ListedPrice[] = []
      const unknown: string[] = []
      for (const name of models) {
        const price = table.priceOf(name)
        const model = displayName(name)
        if (price === undefined) unknown.push(model)
        else {
          prices.push({
            model,
            inputPerMillion: perMillion(price.input),
            outputPerMillion: perMillion(price.output),
          })
        }
      }
      return { asOf: table.asOf, prices, unknown }
    },
  })
