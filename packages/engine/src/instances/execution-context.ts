import type { RunApprovals } from '../approvals/run-approvals.ts'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import type { Circuits } from '../dependencies/circuits.ts'
import type { EventDraft, TransientDraft } from '../events/agent-event.ts'
import type { Redact } from '../events/redaction.ts'
import type { RunProgress } from '../events/run-progress.ts'
import type { WorkScope } from '../errors/failure.ts'
import type { Pace } from '../internal/pace.ts'
import type { RunAccount } from '../ledger/run-account.ts'
import type { EngineLimits } from '../limits.ts'
import type { EngineLogger } from '../logger.ts'
import type { RunSlot } from '../scheduling/run-slot.ts'
import type { AgentThread } from '../threads/run-thread.ts'
import type { InstanceMetrics } from './instance-metrics.ts'
import type { OrphanGuard } from './orphan-guard.ts'

/** Where an execution's events go. A run's journal; outside a run, nowhere. */
export interface EventSink {
  nextCallId(): string
  /**
   * Resolves when it is stored; undefined where it is already. Never throws: it rejects. A piece of text that `joins` may
   * become part of the one before it, where that is not stored yet.
   */
  append(draft: EventDraft, joins?: boolean): Promise<void> | undefined
  show(draft: TransientDraft): void
}

/** What all executions of one run share. */
export interface ExecutionContext {
  readonly agents: AgentRegistry
  readonly limits: EngineLimits
  readonly sink: EventSink
  /** What it charges to its owner. */
  readonly account: RunAccount
  /** What it depends on, and whether that is refused to its owner. */
  readonly circuits: Circuits
  /** How far it is, for whoever watches. */
  readonly progress: RunProgress
  /** Takes the secrets of its user context out of a text. */
  readonly redact: Redact
  /** What idempotency keys begin with: the run's id; outside a run, something nobody else has. */
  readonly runKey: () => string
  /** Of all that goes on in a run: its executions may lead to many more of them. */
  readonly pace: Pace
  /** From 0 to 1. */
  readonly random: () => number
  readonly logger: EngineLogger | undefined
  readonly metrics: InstanceMetrics
  readonly orphans: OrphanGuard
  /** The scope that the run's own agent executes in. */
  readonly runScope: WorkScope
  readonly now: () => number
  /** The run's shared slot: work is done with it, a person is waited for without. */
  readonly slot?: RunSlot | undefined
  /** What the run asks a person. Absent outside a run: there is nobody to answer. */
  readonly approvals?: RunApprovals | undefined
  /** The conversation that the run belongs to, if it belongs to one. */
  readonly thread?: AgentThread | undefined
}

/** For an instance that executes outside a run: there is no run whose story its events could tell. */
export function silentSink(): EventSink {
  let calls = 0
  return {
    nextCallId: () => `call-${(calls += 1)}`,
    append: () => undefined,
    show: () => undefined,
  }
}

/** For an instance outside a run: made up when it is first asked for, and the same from then on. */
export function randomKey(): () => string {
  let made: string | undefined
  return () => (made ??= globalThis.crypto.randomUUID())
}
