import type { UIMessage } from 'ai'

/** How an answer ended that did not come to its end. */
export interface EarlyEnd {
  readonly how: 'stopped' | 'failed' | 'lost'
  /** What the server said about it. */
  readonly detail?: string
}

/** What the server says of an answer, and the page of how it ended. */
export interface ChatMetadata {
  readonly runId?: string
  readonly agent?: string
  readonly end?: EarlyEnd
}

// The SDK wants an index signature of it, which an interface has not.
// oxlint-disable-next-line typescript/consistent-type-definitions
export type ChatData = {
  subagent: { agent: string; status: 'running' | 'completed' | 'failed' }
  restarted: { attempt: number }
  queue: { position?: number }
  progress: { fraction?: number }
}

/** A message of the page: a question or an answer. */
export type ChatMessage = UIMessage<ChatMetadata, ChatData>

/** All that a message says in words. */
export const textOf = ({ parts }: ChatMessage): string =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')

/** The message, as one that ended early. */
export const endedEarly = (message: ChatMessage, end: EarlyEnd): ChatMessage => ({
  ...message,
  metadata: { ...message.metadata, end },
})
