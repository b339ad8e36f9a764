import {
  createExecutionEngine,
  type EngineLimits,
  type UserExecutionEngine,
} from '@ringfence/engine'
import type { RunWorker } from '@ringfence/engine/postgres'
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
import { users } from './envelopes.ts'
import { createHost } from './host/create-host.ts'
import type { PageDirectories } from './host/page-files.ts'
import { inspectorAuth } from './inspector-token.ts'
import type { Kept } from './kept-where.ts'
import type { ReportModel } from './model/report-model.ts'
import type { PriceTable } from './prices/price-table.ts'

/** What the workload analyst is made with. */
export interface WorkloadAnalystOptions {
  readonly prices: PriceTable
  /** A pino logger fits. Default: silence. */
  readonly logger?: ServerLogger
  /** Words the summary of reports, and the assistant's answers. Default: nobody. */
  readonly model?: ReportModel | undefined
  /**
   * Where runs are kept and wait; whoever opened it closes it. Whatever was accepted there is executed from `listen()`
   * on, also what an earlier process accepted. Default: in memory.
   */
  readonly kept?: Pick<Kept, 'store' | 'queue'> | undefined
  /** Whose tokens are believed. Default: demo mode. */
  readonly access?: Access | undefined
  /**
   * Serves the inspector to admins: in demo mode to whoever has this token, with `access` to whoever has the role in
   * theirs. Default: nobody.
   */
  readonly inspector?: { readonly token: string } | undefined
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
  const { prices, logger, model, kept, access, engineLimits, handlerLimits, directories } = options
  const { inspector } = options
  const logged = logger === undefined ? {} : { logger }
  const engine: UserExecutionEngine = createExecutionEngine({
    agents: createAgents({ prices, model, analyses: ownAnalyses(() => engine) }),
    ...(kept === undefined ? {} : { store: kept.store, queue: kept.queue }),
    ...(engineLimits === undefined ? {} : { limits: engineLimits }),
    ...logged,
  })
  const server = createServer({
    engine,
    context: users,
    ...(access === undefined
      ? {
          demo: true,
          host: createHost(directories === undefined ? {} : { directories }),
          ...(inspector === undefined ? {} : { auth: inspectorAuth(inspector.token) }),
        }
      : { auth: jwtAuth(access), trustProxy: access.trustProxy ?? false }),
    inspector: inspector !== undefined,
    ...(handlerLimits === undefined ? {} : { limits: handlerLimits }),
    ...logged,
  })
  return kept === undefined ? server : executing(server, () => kept.queue.work(engine))
}

/** A server that also executes runs of the queue, from when it listens until it closes. */
const executing = (server: AgentServer, work: () => RunWorker): AgentServer => {
  let worker: RunWorker | undefined
  return {
    fetch: server.fetch,
    async listen(where) {
      const listening = await server.listen(where)
      worker = work()
      return listening
    },
    async close({ graceMs = 10_000, ...leaving } = {}) {
      // What does not finish by then goes on in the next process: it is not cancelled.
      await worker?.stop({ graceMs })
      await server.close({ ...leaving, graceMs: 0 })
    },
  }
}
