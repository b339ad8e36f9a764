import type { Trouble } from './trouble.ts'

/** What a conversation says of itself beside its messages. */
export interface ConversationState {
  /** Whether something is asked, answered, or looked for. */
  readonly working: boolean
  /** Whether an answer is asked for or comes. */
  readonly answering: boolean
  readonly stopping: boolean
  /** Where it stands among the user's runs that wait; 1 is next. */
  readonly place: number | undefined
  readonly trouble: Trouble | undefined
}

/** Nothing goes on, and nothing is wrong. */
export const idle: ConversationState = {
  working: false,
  answering: false,
  stopping: false,
  place: undefined,
  trouble: undefined,
}
