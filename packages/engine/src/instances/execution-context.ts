import type { AgentRegistry } from '../agents/agent-registry.ts'
import type { EventDraft, TransientDraft } from '../events/agent-event.ts'
import type { WorkScope } from '../errors/failure.ts'
import type { EngineLimits } from '../limits.ts'
import type { EngineLogger } from '../logger.ts'
import type { InstanceMetrics } from './instance-metrics.ts'
import type { OrphanGuard } from './orphan-guard.ts'

/** Where an execution's events go. A run's journal; outside a run, nowhere. */
export interface EventSink {
  nextCallId(): string
  append(draft: EventDraft): Promise<void>
  show(draft: TransientDraft): void
}

/** What all executions of one run share. */
export interface ExecutionContext {
  readonly agents: AgentRegistry
  readonly limits: EngineLimits
  readonly sink: EventSink
  readonly logger: EngineLogger | undefined
  readonly metrics: InstanceMetrics
  readonly orphans: OrphanGuard
  /** The scope that the run's own agent executes in. */
  readonly runScope: WorkScope
  readonly now: () => number
}

/** For an instance that executes outside a run: there is no run whose story its events could tell. */
export function silentSink(): EventSink {
  let calls = 0
  return {
    nextCallId: () => `call-${(calls += 1)}`,
    append: async () => undefined,
    show: () => undefined,
  }
}
