/** What JSON can carry. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

export type ThreadRole = 'system' | 'user' | 'assistant' | 'tool'

/** A message that is about to be added. */
export interface NewThreadMessage {
  /** Unique in its thread. */
  readonly messageId: string
  readonly role: ThreadRole
  readonly content: JsonValue
}

/** A message of a thread. */
export interface ThreadMessage extends NewThreadMessage {
  /** Counts from 0 over the life of the thread; a dropped message's number is never used again. */
  readonly position: number
  /** What it is kept and dropped together with: the messages of one run, or of one append. */
  readonly turnId: string
  /** The run that added it; absent where the owner did. */
  readonly runId?: string | undefined
  /** ISO 8601, UTC. */
  readonly at: string
}

/** Messages that belong together: all of them are kept, or none. */
export interface ThreadTurn {
  /** Appending to a turn again adds to it, also where others were begun in between. */
  readonly turnId: string
  /**
   * True where messages of this turn were added before. If they are there no more (dropped, or the thread was
   * deleted), adding to them is refused with `TURN_OVER`: nobody is shown half a turn.
   */
  readonly continues?: boolean | undefined
  /** The run that writes. A run that has ended is refused with `RUN_ENDED`: it can no longer write history. */
  readonly runId?: string | undefined
  readonly at: string
  readonly messages: readonly NewThreadMessage[]
}

/** What is known of a thread without its messages. */
export interface ThreadRecord {
  readonly threadId: string
  readonly createdAt: string
  readonly updatedAt: string
  /** Messages that it holds. */
  readonly messages: number
  /** Bytes of JSON that they take. */
  readonly bytes: number
  /** Messages that were dropped since it began, oldest turns first, to make room. */
  readonly dropped: number
}

export interface ThreadPageOptions {
  /** At most so many, 1 to 100. Default 20. */
  readonly limit?: number | undefined
  /** Only threads written less recently than this one: the `next` of the page before. */
  readonly before?: string | undefined
}

export interface ThreadPage {
  /** The one written last first. */
  readonly threads: readonly ThreadRecord[]
  /** What to pass as `before` for the next page; absent on the last. */
  readonly next?: string | undefined
}

export interface MessagePageOptions {
  /** At most so many, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
  /** Only messages before this position: the `previous` of the page before. Default: the newest ones. */
  readonly before?: number | undefined
}

export interface MessagePage {
  /** In the order in which they were said. */
  readonly messages: readonly ThreadMessage[]
  /** What to pass as `before` for older ones; absent where there are none. */
  readonly previous?: number | undefined
}

/**
 * An owner's conversations. What is too much is dropped from the beginning, a whole turn at a time: a reader
 * never sees a turn without its beginning. `dropped` says how much is gone.
 */
export interface ThreadStore {
  /**
   * Adds messages to a thread of the current owner, which begins with its first message. All of them or none.
   * Rejects with `MESSAGE_TOO_LARGE`, `THREAD_FULL` (the turn alone is more than a thread may hold, or the store's
   * policy is to refuse), `DUPLICATE_MESSAGE`, `TURN_OVER`, and `RUN_ENDED`.
   */
  append(threadId: string, turn: ThreadTurn): Promise<readonly ThreadMessage[]>

  /** The thread, or undefined where the current owner has none of that id. */
  get(threadId: string): Promise<ThreadRecord | undefined>

  /** A page of its messages, or undefined where the current owner has no such thread. */
  read(threadId: string, page?: MessagePageOptions): Promise<MessagePage | undefined>

  /** The current owner's threads, a page at a time. */
  list(page?: ThreadPageOptions): Promise<ThreadPage>

  /** Removes a thread. False where the current owner has none of that id. */
  delete(threadId: string): Promise<boolean>
}
