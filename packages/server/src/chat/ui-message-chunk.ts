/** What a chat's answer says of the run that gives it, in the message's metadata. */
export interface UiMessageMetadata {
  readonly runId: string
  readonly threadId?: string
  readonly agent: string
  /** Present at the end, where anything was used. */
  readonly usage?: {
    readonly inputTokens: number
    readonly outputTokens: number
    readonly costMicros: number
  }
}

/**
 * A part of the AI SDK's UI message stream, as its clients of the versions 6 and 7 accept it: only types that both
 * know, and no key that either does not.
 */
export type UiMessageChunk =
  | {
      readonly type: 'start'
      readonly messageId: string
      readonly messageMetadata: UiMessageMetadata
    }
  | { readonly type: 'start-step' | 'finish-step' }
  | { readonly type: 'text-start' | 'text-end'; readonly id: string }
  | { readonly type: 'text-delta'; readonly id: string; readonly delta: string }
  | { readonly type: 'reasoning-start' | 'reasoning-end'; readonly id: string }
  | { readonly type: 'reasoning-delta'; readonly id: string; readonly delta: string }
  | {
      readonly type: 'tool-input-available'
      readonly toolCallId: string
      readonly toolName: string
      readonly input: unknown
      readonly dynamic: true
    }
  | {
      readonly type: 'tool-output-available'
      readonly toolCallId: string
      readonly output: unknown
      readonly dynamic: true
    }
  | {
      readonly type: 'tool-output-error'
      readonly toolCallId: string
      readonly errorText: string
      readonly dynamic: true
    }
  | { readonly type: 'tool-output-denied'; readonly toolCallId: string }
  | {
      readonly type: 'tool-approval-request'
      readonly approvalId: string
      readonly toolCallId: string
    }
  | {
      readonly type: 'data-subagent'
      readonly id: string
      readonly data: { readonly agent: string; readonly status: 'running' | 'completed' | 'failed' }
    }
  | {
      readonly type: 'data-custom'
      readonly data: { readonly name: string; readonly value: unknown }
    }
  | { readonly type: 'data-restarted'; readonly data: { readonly attempt: number } }
  | {
      readonly type: 'data-queue' | 'data-progress'
      readonly data: unknown
      readonly transient: true
    }
  | { readonly type: 'finish'; readonly messageMetadata: UiMessageMetadata }
  | { readonly type: 'abort'; readonly reason: string }
  | { readonly type: 'error'; readonly errorText: string }
