import type { UserContext } from '@ringfence/context'
import type { AuthorizeAccess } from '../access/access.ts'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import type { CircuitOptions } from '../dependencies/circuits.ts'
import type { InstanceTargets } from '../instances/instance-metrics.ts'
import type { BudgetSource } from '../ledger/budget.ts'
import type { PriceTable } from '../ledger/price-table.ts'
import type { EngineLimits } from '../limits.ts'
import type { EngineLogger } from '../logger.ts'
import type { EngineStore } from '../store/engine-store.ts'
import type { RunQueue } from './run-queue.ts'

export interface ExecutionEngineOptions {
  /** Frozen. */
  readonly agents: AgentRegistry
  /** Where runs, threads, approvals, keys, the ledger and the audit trail are kept. Default: `new MemoryStore()`. */
  readonly store?: EngineStore
  /**
   * Where runs wait for any of several processes: `start` hands them over, and `execute` is for whoever takes them.
   * Default: none, and this engine executes what it starts.
   */
  readonly queue?: RunQueue
  /**
   * Who may do what with what is kept; asked for one's own as well, and before anything is looked up. Default: one's
   * own only.
   */
  readonly authorize?: AuthorizeAccess
  readonly limits?: Partial<EngineLimits>
  /** How long instances may take to make and dispose; what takes longer is counted, and logged. */
  readonly targets?: Partial<InstanceTargets>
  /**
   * How many turns an owner has where owners take turns, beside one of weight 1: 0.01 to 100. Read from the context
   * of whoever starts a run; the newest holds for all that the owner has waiting. Default: 1 for everybody.
   */
  readonly weightOf?: (context: UserContext) => number
  /** What each owner may use. Default: as much as they like. */
  readonly budgets?: BudgetSource
  /** What models cost. Default: nothing is known, and an entry without `costMicros` costs nothing. */
  readonly prices?: PriceTable
  /** Default: silence. */
  readonly logger?: EngineLogger
  /** When calls of a dependency that keeps failing for a user are refused to them. Default: see `CircuitOptions`. */
  readonly circuits?: CircuitOptions
  /**
   * Milliseconds after which a run, or a tool call, that goes on without a word is told of as `agent_progress`, again
   * and again. `Infinity` for never. Default 5,000.
   */
  readonly progressMs?: number
  /** From 0 to 1: spreads retries. Default: `Math.random`. */
  readonly random?: () => number
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: () => number
  /** Makes run ids: unique, unguessable. Default: random UUIDs. */
  readonly createRunId?: () => string
}
