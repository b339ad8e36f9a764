import {
  createExecutionEngine,
  type EngineLimits,
  type EngineStore,
  type UserExecutionEngine,
} from '@ringfence/engine'
import {
  type AgentServer,
  createServer,
  type HandlerLimits,
  jwtAuth,
  type ServerLogger,
} from '@ringfence/server'
import { createAgents } from './agents/create-agents.ts'
import { ownAnalyses } from './assistant/own-analyses.ts'
import type { Access } from './configuration.ts'
import { createHost } from './host/create-host.ts'
import type { PageDirectories } from './host/page-files.ts'
import type { ReportModel } from './model/report-model.ts'
import type { PriceTable } from './prices/price-table.ts'

/** What the workload analyst is made with. */
export interface WorkloadAnalystOptions {
  readonly prices: PriceTable
  /** A pino logger fits. Default: silence. */
  readonly logger?: ServerLogger
  /** Words the summary of reports, and the assistant's answers. Default: nobody. */
  readonly model?: ReportModel | undefined
  /** Where runs are kept; whoever made it closes it. Default: in memory. */
  readonly store?: EngineStore | undefined
  /** Whose tokens are believed. Default: demo mode. */
  readonly access?: Access | undefined
  readonly engineLimits?: Partial<EngineLimits>
  readonly handlerLimits?: Partial<HandlerLimits>
  /** Where the page is. Default: beside the sources. */
  readonly directories?: PageDirectories
}

/**
 * Makes the whole example: the agents, the engine that runs them, and the server in demo mode, which gives
 * anybody on this machine a token for any user. With `access` it is the server alone, without the page, which lives on
 * such tokens. It listens when told to.
 */
export const createWorkloadAnalyst = (options: WorkloadAnalystOptions): AgentServer => {
  const { prices, logger, model, store, access, engineLimits, handlerLimits, directories } = options
  const logged = logger === undefined ? {} : { logger }
  const engine: UserExecutionEngine = createExecutionEngine({
    agents: createAgents({ prices, model, analyses: ownAnalyses(() => engine) }),
    ...(store === undefined ? {} : { store }),
    ...(engineLimits === undefined ? {} : { limits: engineLimits }),
    ...logged,
  })
  return createServer({
    engine,
    ...(access === undefined
      ? { demo: true, host: createHost(directories === undefined ? {} : { directories }) }
      : { auth: jwtAuth(access), trustProxy: access.trustProxy ?? false }),
    ...(handlerLimits === undefined ? {} : { limits: handlerLimits }),
    ...logged,
  })
}
