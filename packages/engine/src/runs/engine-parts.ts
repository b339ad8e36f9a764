import type { UserContext } from '@ringfence/context'
import { Access } from '../access/access.ts'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import { knowsAgent } from '../agents/known-agents.ts'
import { Circuits } from '../dependencies/circuits.ts'
import { LiveEvents } from '../events/live-events.ts'
import { ProgressTicker } from '../events/progress-ticker.ts'
import { InstanceMetrics } from '../instances/instance-metrics.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { WrittenTimes } from '../internal/written-times.ts'
import { RunAccounts } from '../ledger/run-accounts.ts'
import { resolveLimits, type EngineLimits } from '../limits.ts'
import { quietly, type EngineLogger } from '../logger.ts'
import { checkedWeight } from '../scheduling/owner-weight.ts'
import { WaitLimit } from '../scheduling/wait-limit.ts'
import { RunStatisticsBook } from '../statistics/run-statistics.ts'
import type { EngineStore } from '../store/engine-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { withQueueDeadline, withStoreDeadline } from '../store/store-deadline.ts'
import { checkEngineOptions } from './check-engine-options.ts'
import type { ExecutionEngineOptions } from './execution-engine-options.ts'
import { LostEnds } from './lost-ends.ts'
import { Orphans } from './orphans.ts'
import { RunAdmission } from './run-admission.ts'
import type { RunQueue } from './run-queue.ts'
import { Shutdown } from './shutdown.ts'

/** What all runs of one engine share; there is one of each. */
export interface EngineParts {
  readonly agents: AgentRegistry
  readonly store: EngineStore
  readonly queue: RunQueue | undefined
  readonly limits: EngineLimits
  readonly logger: EngineLogger | undefined
  readonly now: () => number
  readonly times: WrittenTimes
  readonly random: () => number
  readonly createRunId: () => string
  /** Throws TypeError for a weight that is none. */
  readonly weightOf: (context: UserContext) => number
  /** Characters that no input may exceed. */
  readonly mostInput: number
  readonly access: Access
  readonly admission: RunAdmission
  readonly waitLimit: WaitLimit
  readonly orphans: Orphans
  readonly accounts: RunAccounts
  readonly circuits: Circuits
  readonly ticker: ProgressTicker
  readonly metrics: InstanceMetrics
  readonly statistics: RunStatisticsBook
  readonly live: LiveEvents
  readonly lostEnds: LostEnds
  readonly shutdown: Shutdown
}

/** Throws `REGISTRY_NOT_FROZEN`, and TypeError for a limit that is none. */
export function makeParts(options: ExecutionEngineOptions): EngineParts {
  checkEngineOptions(options)
  const {
    agents,
    budgets,
    prices,
    now = Date.now,
    weightOf = () => 1,
    progressMs = 5_000,
  } = options
  const limits = resolveLimits(options.limits)
  const logger = options.logger === undefined ? undefined : quietly(options.logger)
  const store = withStoreDeadline(options.store ?? new MemoryStore(), limits.storeMs, logger)
  if (progressMs !== Infinity) checkedLimit('progressMs', progressMs, 1)
  const shutdown = new Shutdown()
  return {
    agents,
    store,
    queue: options.queue && withQueueDeadline(options.queue, limits.storeMs, logger),
    limits,
    logger,
    now,
    times: new WrittenTimes(),
    random: options.random ?? Math.random,
    createRunId: options.createRunId ?? (() => globalThis.crypto.randomUUID()),
    weightOf: (context) => checkedWeight(weightOf(context)),
    mostInput: Math.min(limits.ownerInputCharacters, limits.inputCharacters),
    access: new Access(options.authorize, store.audit, logger),
    admission: new RunAdmission(limits),
    waitLimit: new WaitLimit(limits.queueMs),
    orphans: new Orphans({ limits, logger, now }),
    accounts: new RunAccounts({
      store: store.ledger,
      budgets,
      prices,
      logger,
      now,
      knows: (agent) => knowsAgent(agents, agent),
    }),
    circuits: new Circuits(options.circuits ?? {}, now, logger),
    ticker: new ProgressTicker(progressMs),
    metrics: new InstanceMetrics({ limits, targets: options.targets, logger }),
    statistics: new RunStatisticsBook(limits.statisticsOwners),
    live: new LiveEvents(),
    lostEnds: new LostEnds(store.runs, shutdown),
    shutdown,
  }
}
