import { type AgentDefinition, defineAgent } from '@ringfence/engine'
import type { PriceTable } from '../prices/price-table.ts'
import { count, formatUsd } from '../report/format.ts'
import { optimization } from '../stages/optimization.ts'
import { openAnalysis } from './open-analysis.ts'
import { computed, type Searched, searched } from './stage-results.ts'

/** Makes the agent that looks for inefficiencies and computes what each would save. */
export const createOptimizationAgent = (prices: PriceTable): AgentDefinition<unknown, Searched> =>
  defineAgent({
    name: 'optimization',
    description: 'Looks for inefficiencies and computes what each would save.',
    input: computed,
    output: searched,
    async run({ rows, triage, data }, agent) {
      const analysis = openAnalysis(rows, prices, agent)
      const result = await optimization({ triage, data }, analysis)
      for (const { title, evidence, savingUsd, savingTokens } of result.findings) {
        const saving = savingUsd === null ? count(savingTokens, 'token') : formatUsd(savingUsd)
        await agent.think(`${title}: ${count(evidence.calls, 'call')}, ${saving}.`)
      }
      if (result.findings.length === 0)
        await agent.think('Nothing of what was looked for was found.')
      for (const note of result.notes) await agent.think(note)
      return { rows, triage, data, optimization: result }
    },
  })
