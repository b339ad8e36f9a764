import { AgentRegistry, pipeline } from '@ringfence/engine'
import { createAssistant } from '../assistant/create-assistant.ts'
import type { OwnAnalyses } from '../assistant/own-analyses.ts'
import type { ReportModel } from '../model/report-model.ts'
import type { PriceTable } from '../prices/price-table.ts'
import { createActionsAgent } from './actions-agent.ts'
import { createDataAgent } from './data-agent.ts'
import { createOptimizationAgent } from './optimization-agent.ts'
import { createReportingAgent } from './reporting-agent.ts'
import { createTriageAgent } from './triage-agent.ts'

/** What the agents are made with. */
export interface AgentsOptions {
  readonly prices: PriceTable
  /** What `assistant` answers questions about. Default: there is no `assistant`. */
  readonly analyses?: OwnAnalyses | undefined
  /** Words the report's summary, and the assistant's answers. Default: nobody, the report is arithmetic alone. */
  readonly model?: ReportModel | undefined
}

/**
 * Registers `supervisor`, the pipeline of the five agents, each fed what those before it found, and `assistant`, who
 * answers questions about it.
 */
export const createAgents = ({ prices, model, analyses }: AgentsOptions): AgentRegistry => {
  const agents = new AgentRegistry().register(
    pipeline({
      name: 'supervisor',
      description:
        'Says where the money and the time of the calls in a log go, and what to change.',
      stages: [
        createTriageAgent(prices),
        createDataAgent(prices),
        createOptimizationAgent(prices),
        createActionsAgent(),
        createReportingAgent(model),
      ],
    }),
  )
  if (analyses !== undefined) agents.register(createAssistant({ analyses, model }))
  return agents.freeze()
}
