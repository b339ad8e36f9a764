import type { Failure } from '../errors/failure.ts'

/** What every event carries, whoever emits it. Stamped in one place, from the run's own scope. */
interface Envelope<Type extends string, Data> {
  readonly type: Type
  /** ISO 8601, UTC. */
  readonly at: string
  readonly runId: string
  readonly threadId?: string | undefined
  readonly requestId: string
  readonly userId: string
  /** The agent that emitted it: the run's own, or one that it delegated to. */
  readonly agent: string
  readonly data: Data
}

interface Durable<Type extends string, Data> extends Envelope<Type, Data> {
  /** Counts from 0 without gaps. */
  readonly seq: number
}

export interface ToolCompletedData {
  readonly callId: string
  readonly tool: string
  readonly ok: boolean
  /** How often it was tried, where that was more than once. */
  readonly attempts?: number | undefined
  /** A shortened copy, with what looks like a secret left out. Absent where `ok` is false. */
  readonly result?: unknown
  readonly error?: Failure | undefined
  readonly durationMs: number
}

export interface UsageRecordedData {
  readonly model?: string | undefined
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly cachedTokens?: number | undefined
  readonly reasoningTokens?: number | undefined
  readonly costMicros: number
}

export interface SubagentCompletedData {
  readonly callId: string
  readonly agent: string
  readonly ok: boolean
  readonly error?: Failure | undefined
  readonly durationMs: number
}

export interface ApprovalRequestedData {
  readonly approvalId: string
  /** The call that waits for it. */
  readonly callId: string
  /** The tool that is to be called, or what the agent says that it is about to do. */
  readonly tool: string
  /** A shortened copy, with what looks like a secret left out. */
  readonly input?: unknown
  /** ISO 8601, UTC. */
  readonly expiresAt: string
}

export interface ApprovalResolvedData {
  readonly approvalId: string
  readonly callId: string
  /** `cancelled`: the run or the step ended before anybody answered. */
  readonly outcome: 'approved' | 'denied' | 'expired' | 'cancelled'
}

/** Why a run was cancelled. */
export type CancelReason = 'caller' | 'disconnect' | 'shutdown' | 'replaced'

/** The first event of a run that got to execute. */
export type AgentStarted = Durable<'agent_started', { readonly queuedMs: number }>
/**
 * The run begins again: whoever executed it is gone. What its earlier attempts told is void, and calls of theirs that
 * were open have no end. `attempt` counts from 1.
 */
export type AttemptRestarted = Durable<'attempt_restarted', { readonly attempt: number }>
/** A thought; `step` counts from 1. */
export type AgentThinking = Durable<
  'agent_thinking',
  { readonly text: string; readonly step: number }
>
/** A piece of the answer. */
export type AgentText = Durable<'agent_text', { readonly delta: string }>
/** A tool is called; `tool_completed` with the same `callId` follows, however it ends. */
export type ToolExecuting = Durable<
  'tool_executing',
  { readonly callId: string; readonly tool: string; readonly input?: unknown }
>
export type ToolCompleted = Durable<'tool_completed', ToolCompletedData>
/** Another agent takes over a part; `subagent_completed` with the same `callId` follows. */
export type SubagentStarted = Durable<
  'subagent_started',
  { readonly callId: string; readonly agent: string }
>
export type SubagentCompleted = Durable<'subagent_completed', SubagentCompletedData>
/**
 * Work that was told to stop did not, and was given up: it still runs, and can no longer read, tell or call anything.
 * `callId` is that of the tool call or delegation that it was.
 */
export type WorkOrphaned = Durable<
  'work_orphaned',
  { readonly label: string; readonly callId?: string | undefined }
>
/** A person is asked; `approval_resolved` with the same `approvalId` follows, however it ends. */
export type ApprovalRequested = Durable<'approval_requested', ApprovalRequestedData>
export type ApprovalResolved = Durable<'approval_resolved', ApprovalResolvedData>
/** A model, or something else that costs, was used; `costMicros` in millionths of the currency. */
export type UsageRecorded = Durable<'usage_recorded', UsageRecordedData>
/** What the agent tells its user beside text, under a name of its own choice: a chart, a list of places. */
export type AgentCustom = Durable<
  'agent_custom',
  { readonly name: string; readonly value: unknown }
>
export type AgentCompleted = Durable<
  'agent_completed',
  { readonly result?: unknown; readonly durationMs: number }
>
export type AgentFailed = Durable<
  'agent_error',
  { readonly error: Failure; readonly durationMs: number }
>
export type AgentCancelled = Durable<
  'agent_cancelled',
  { readonly reason: CancelReason; readonly durationMs: number }
>

/** Where a waiting run stands among its owner's waiting runs; 1 is next. */
export type QueuePosition = Envelope<'queue_position', { readonly position: number }>
export interface AgentProgressData {
  /** How far it has come, 0 to 1: as the agent says, or estimated by how long it usually takes. */
  readonly fraction?: number | undefined
  readonly message?: string | undefined
  /** With the next three: nobody said anything for a while, and it still goes on. */
  readonly elapsedMs?: number | undefined
  /** Estimated by how long it usually takes. */
  readonly remainingMs?: number | undefined
  /** The tool call that goes on; absent where it is the agent. */
  readonly callId?: string | undefined
  readonly tool?: string | undefined
}

/** An agent, or a tool that it called, goes on. */
export type AgentProgress = Envelope<'agent_progress', AgentProgressData>

/** One of these is the last event of every run, and only the last (I10). */
export type TerminalEvent = AgentCompleted | AgentFailed | AgentCancelled

/** Kept in the run's log, numbered, replayed. */
export type DurableEvent =
  | AgentStarted
  | AttemptRestarted
  | AgentThinking
  | AgentText
  | ToolExecuting
  | ToolCompleted
  | SubagentStarted
  | SubagentCompleted
  | WorkOrphaned
  | ApprovalRequested
  | ApprovalResolved
  | UsageRecorded
  | AgentCustom
  | TerminalEvent

/** Shown to whoever watches now; neither numbered nor replayed. */
export type TransientEvent = QueuePosition | AgentProgress

/** Whatever a run tells its owner. */
export type AgentEvent = DurableEvent | TransientEvent

type DraftOf<Event> =
  Event extends Envelope<infer Type, infer Data>
    ? { readonly type: Type; readonly agent: string; readonly data: Data }
    : never

/** A durable event before it is stamped and numbered. */
export type EventDraft = DraftOf<DurableEvent>
export type TerminalDraft = DraftOf<TerminalEvent>
export type TransientDraft = DraftOf<TransientEvent>

/** A durable event before the store numbers it. */
export type UnnumberedEvent = DurableEvent extends infer Event
  ? Event extends DurableEvent
    ? Omit<Event, 'seq'>
    : never
  : never

const terminal = new Set<AgentEvent['type']>(['agent_completed', 'agent_error', 'agent_cancelled'])

/** Whether an event is the last of its run. */
export function isTerminal(event: { readonly type: AgentEvent['type'] }): event is TerminalEvent {
  return terminal.has(event.type)
}

/** Whether an event is numbered and replayed. */
export function isDurable(event: AgentEvent): event is DurableEvent {
  return event.type !== 'queue_position' && event.type !== 'agent_progress'
}
