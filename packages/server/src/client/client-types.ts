import type {
  AgentEvent,
  ApprovalPage,
  ApprovalPageOptions,
  ApprovalRecord,
  MessagePage,
  MessagePageOptions,
  RunPage,
  RunPageOptions,
  RunRecord,
  RunStatus,
  ThreadPage,
  ThreadPageOptions,
  ThreadPolicy,
  ThreadRecord,
} from '@ringfence/engine'
import type { RunLinks } from '../handler/links.ts'
import type { FollowOptions } from './follow-run.ts'

/** An agent that can run, with the JSON Schemas of what goes in and comes out. */
export interface AgentDescription {
  readonly name: string
  readonly description?: string
  readonly input: unknown
  readonly output: unknown
  readonly stages: readonly string[]
}

export interface StartRunOptions {
  readonly threadId?: string | undefined
  readonly threadPolicy?: ThreadPolicy | undefined
  /**
   * However often the start is sent, there is one run. Default: a random one, so that a start whose answer was lost can
   * be sent again, which the client does once.
   */
  readonly idempotencyKey?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** A run that was started. */
export interface StartedRun {
  readonly runId: string
  readonly status: RunStatus
  readonly links: RunLinks
}

export type RunDetails = RunRecord & { readonly links: RunLinks }
/** What a run asks a person, as its owner sees it. */
export type Approval = Omit<ApprovalRecord, 'argumentsHash'>
export type ApprovalList = Omit<ApprovalPage, 'approvals'> & {
  readonly approvals: readonly Approval[]
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ThreadsClient {
  /** The one written last first, a page at a time. */
  list(page?: ThreadPageOptions, options?: CallOptions): Promise<ThreadPage>
  get(threadId: string, options?: CallOptions): Promise<ThreadRecord>
  /** What was said, in order: the newest messages, or those before a position. */
  messages(threadId: string, page?: MessagePageOptions, options?: CallOptions): Promise<MessagePage>
  delete(threadId: string, options?: CallOptions): Promise<void>
}

export interface ApprovalsClient {
  /** Newest first, a page at a time. */
  list(page?: ApprovalPageOptions, options?: CallOptions): Promise<ApprovalList>
  get(approvalId: string, options?: CallOptions): Promise<Approval>
  approve(approvalId: string, reason?: string, options?: CallOptions): Promise<Approval>
  deny(approvalId: string, reason?: string, options?: CallOptions): Promise<Approval>
}

/**
 * What one user can do with a server, over `fetch` alone. Every method throws an `ApiError` with the server's code,
 * `unreachable` where there is no server, and the reason of its signal.
 */
export interface AgentClient {
  agents(options?: CallOptions): Promise<readonly AgentDescription[]>
  /** Starts a run. It goes on whether or not anybody follows it. */
  start(agent: string, input: unknown, options?: StartRunOptions): Promise<StartedRun>
  /**
   * A run's events, up to its end: those so far, then those to come, across cut connections. To end the loop ends the
   * following, not the run.
   */
  follow(runId: string, options?: FollowOptions): AsyncGenerator<AgentEvent, void, undefined>
  run(runId: string, options?: CallOptions): Promise<RunDetails>
  /** Newest first, a page at a time. */
  runs(page?: RunPageOptions, options?: CallOptions): Promise<RunPage>
  /** Ends a run, if it has not ended. Returns it as it ended. */
  cancel(runId: string, options?: CallOptions): Promise<RunDetails>
  readonly threads: ThreadsClient
  readonly approvals: ApprovalsClient
}
