// Definitions: agents and tools.
export {
  defineAgent,
  type AgentCleanup,
  type AgentDefinition,
  type AgentLimits,
  type AgentOptions,
} from './agents/define-agent.ts'
export {
  defineTool,
  type ToolCallContext,
  type ToolDefinition,
  type ToolOptions,
} from './agents/define-tool.ts'
export type { ThreadPolicy } from './scheduling/thread-policy.ts'
export { pipeline, type Chained, type PipelineOptions } from './agents/pipeline.ts'
export type { Provision, Requirement } from './agents/requirement.ts'
export {
  AgentRegistry,
  type AgentSummary,
  type RegistryStatistics,
} from './agents/agent-registry.ts'

// Executing them.
export { createExecutionEngine, UserExecutionEngine } from './runs/execution-engine.ts'
export type { EngineMetrics } from './runs/engine-metrics.ts'
export type { ExecutionEngineOptions } from './runs/execution-engine-options.ts'
export type { OwnerLoad } from './runs/owner-load.ts'
export type { RunHandle, StartOptions } from './runs/run-handle.ts'
export type { CheckedHealth, EngineHealth, HealthProblem } from './runs/engine-health.ts'
export {
  createAgentInstanceFactory,
  type AgentInstance,
  type AgentInstanceFactory,
  type AgentInstanceFactoryOptions,
} from './instances/agent-instance-factory.ts'
export type {
  FactoryMetrics,
  InstanceTargets,
  TargetedDurations,
} from './instances/instance-metrics.ts'
export type { ToolMetrics } from './instances/tool-metrics.ts'
export type { DurationSummary } from './statistics/recent-durations.ts'
export type { RunStatistics, RunTotals } from './statistics/run-statistics.ts'
export type { QueuedRun, RunControl, RunQueue, TakenRun } from './runs/run-queue.ts'
export type { RunStatus } from './runs/run-status.ts'
export type { ApprovalQuestion } from './instances/agent-execution.ts'
export type { AgentThread } from './threads/run-thread.ts'
export type { NewMessage } from './threads/new-message.ts'
export type { OfOwner, OwnerThreads } from './threads/owner-threads.ts'
export type { DecisionOptions, OwnerApprovals } from './approvals/owner-approvals.ts'
export type { AuthorizeAccess, EngineAction, EngineResource } from './access/access.ts'
export type { SystemOperations, SystemOperator } from './system/system-operations.ts'
export type {
  AgentExecution,
  BudgetReservation,
  DelegateOptions,
  ExecutionBudget,
} from './instances/agent-execution.ts'
export type { EngineLimits } from './limits.ts'
export type { EngineLogger } from './logger.ts'

// What a run tells.
export {
  isDurable,
  isTerminal,
  type AgentCancelled,
  type AgentCompleted,
  type AgentCustom,
  type AgentEvent,
  type AgentFailed,
  type AgentProgress,
  type AgentProgressData,
  type AgentStarted,
  type AttemptRestarted,
  type AgentText,
  type AgentThinking,
  type ApprovalRequested,
  type ApprovalRequestedData,
  type ApprovalResolved,
  type ApprovalResolvedData,
  type CancelReason,
  type DurableEvent,
  type QueuePosition,
  type SubagentCompleted,
  type SubagentCompletedData,
  type SubagentStarted,
  type TerminalEvent,
  type ToolCompleted,
  type ToolCompletedData,
  type ToolExecuting,
  type TransientEvent,
  type UnnumberedEvent,
  type WorkOrphaned,
  type UsageRecorded,
  type UsageRecordedData,
} from './events/agent-event.ts'
export { agentEvent } from './events/event-schema.ts'
export type { BackPressure } from './events/back-pressure.ts'
export type { FollowOptions } from './events/follow-run.ts'
export type { Following } from './events/following.ts'

// What it depends on.
export type { CircuitPolicy } from './dependencies/circuit.ts'
export type { CircuitOptions, DependencyHealth } from './dependencies/circuits.ts'
export type { Oversize } from './instances/limit-output.ts'
export type { RetryOptions, RetryPolicy } from './retries/retry-policy.ts'

// What it costs.
export type { Budget, BudgetOptions, BudgetSource, BudgetWindows } from './ledger/budget.ts'
export type { LedgerAmounts, LedgerMeasure, SomeAmounts } from './ledger/ledger-amounts.ts'
export type { LedgerPeriod, LedgerWindow } from './ledger/ledger-window.ts'
export type { LedgerQuery, OwnerLedger } from './ledger/owner-ledger.ts'
export type { ModelPrice, PriceTable } from './ledger/price-table.ts'
export type { UsageEntry } from './ledger/usage-entry.ts'

// Where it is kept.
export type { EngineStore } from './store/engine-store.ts'
export { MemoryStore, type MemoryStoreOptions } from './store/memory-store.ts'
export type {
  BudgetLimit,
  BudgetStanding,
  LedgerAccount,
  LedgerEntry,
  LedgerHold,
  LedgerStore,
  LedgerSums,
  LedgerWindowSums,
} from './store/ledger-store.ts'
export { MemoryRunStore } from './store/memory-run-store.ts'
export type { MemoryRunStoreLimits } from './store/kept-runs.ts'
export type {
  MemoryThreadStoreLimits,
  MemoryThreadStoreOptions,
} from './store/memory-thread-store.ts'
export type { MemoryApprovalStoreLimits } from './store/memory-approval-store.ts'
export type { MemoryIdempotencyStoreLimits } from './store/memory-idempotency-store.ts'
export type { MemoryLedgerStoreLimits } from './store/memory-ledger-store.ts'
export type { MemoryAuditStoreLimits } from './store/memory-audit-store.ts'
export type {
  EventBatch,
  NewRun,
  RunPage,
  RunPageOptions,
  RunRecord,
  RunStore,
} from './store/run-store.ts'
export type {
  JsonValue,
  MessagePage,
  MessagePageOptions,
  NewThreadMessage,
  ThreadMessage,
  ThreadPage,
  ThreadPageOptions,
  ThreadRecord,
  ThreadRole,
  ThreadStore,
  ThreadTurn,
} from './store/thread-store.ts'
export type {
  ApprovalPage,
  ApprovalPageOptions,
  ApprovalRecord,
  ApprovalResolution,
  ApprovalStatus,
  ApprovalStore,
  ApprovedCall,
  NewApproval,
} from './store/approval-store.ts'
export type {
  IdempotencyClaim,
  IdempotencyRecord,
  IdempotencyStore,
} from './store/idempotency-store.ts'
export type {
  AuditActor,
  AuditPage,
  AuditRecord,
  AuditResource,
  AuditStore,
  NewAuditRecord,
} from './store/audit-store.ts'
export type {
  ClaimedRun,
  ClaimOptions,
  Forgotten,
  Migrated,
  StoreInspection,
  Swept,
  SystemStore,
} from './store/system-store.ts'

// What went wrong.
export { AgentError } from './errors/agent-error.ts'
export {
  EngineError,
  type EngineErrorCode,
  type EngineErrorDetails,
  type SchemaIssue,
} from './errors/engine-error.ts'
export type { Failure } from './errors/failure.ts'
export { failure } from './errors/failure-schema.ts'
