import { type AgentDefinition, defineAgent } from '@ringfence/engine'
import type { PriceTable } from '../prices/price-table.ts'
import { count, formatCount, formatUsd } from '../report/format.ts'
import { data, type DataOutput } from '../stages/data.ts'
import { createLookUpPrices } from './look-up-prices.ts'
import { openAnalysis } from './open-analysis.ts'
import { type Computed, computed, triaged } from './stage-results.ts'

const mostModels = 50

const describe = ({ totals, callsPerMinute }: DataOutput): string => {
  const tokens = `${count(totals.calls, 'call')} used ${formatCount(totals.inputTokens)} input and ${formatCount(totals.outputTokens)} output tokens`
  const cost =
    totals.costUsd === null
      ? 'what they cost is not known, for no call has a price'
      : `${count(totals.pricedCalls, 'call')} with a price cost ${formatUsd(totals.costUsd)}`
  const peak =
    callsPerMinute === null
      ? ''
      : ` The busiest minute was ${callsPerMinute.peak.at}, with ${count(callsPerMinute.peak.calls, 'call')}.`
  return `${tokens}; ${cost}.${peak}`
}

/** Makes the agent that computes where the money and the time go. */
export const createDataAgent = (prices: PriceTable): AgentDefinition<unknown, Computed> => {
  const lookUpPrices = createLookUpPrices(prices)
  return defineAgent({
    name: 'data',
    description: 'Computes where the money and the time go.',
    input: triaged,
    output: computed,
    async run({ rows, triage }, agent) {
      const analysis = openAnalysis(rows, prices, agent)
      const models = (analysis.workload.models?.names ?? []).filter((name) => name !== '')
      if (models.length > 0) {
        const listed = await agent.call(lookUpPrices, { models: models.slice(0, mostModels) })
        const unknown =
          listed.unknown.length === 0 ? '' : `, ${listed.unknown.length} without a price`
        await agent.think(
          `The log names ${count(models.length, 'model')}${unknown}. Prices are as of ${listed.asOf}.`,
        )
      }
      const result = await data({ triage }, analysis)
      await agent.think(describe(result))
      return { rows, triage, data: result }
    },
  })
}
