import type {
  MessagePage,
  MessagePageOptions,
  ThreadMessage,
  ThreadStore,
} from '../store/thread-store.ts'
import { checkedMessages, type NewMessage } from './new-message.ts'

/** The conversation that a run belongs to, as its agents see it. */
export interface AgentThread {
  readonly threadId: string

  /**
   * What was said, in order: the newest 100 messages, unless the page says otherwise. No messages where the thread
   * has not begun.
   */
  messages(page?: MessagePageOptions): Promise<MessagePage>

  /**
   * Adds to the conversation. What a run adds is one turn: it is kept as a whole, and dropped as a whole when the
   * thread is full. Rejects with `INVALID_INPUT`, `MESSAGE_TOO_LARGE`, `THREAD_FULL`, `DUPLICATE_MESSAGE`,
   * `TURN_OVER` (the thread was deleted or the turn dropped meanwhile), and `RUN_ENDED`.
   */
  append(messages: NewMessage | readonly NewMessage[]): Promise<readonly ThreadMessage[]>
}

export interface RunThreadOptions {
  readonly threadId: string
  readonly runId: string
  readonly store: ThreadStore
  readonly now: () => number
}

/** A run's way to its thread. One for all agents of the run, so that what they add is one turn. */
export class RunThread implements AgentThread {
  readonly threadId: string
  readonly #runId: string
  readonly #store: ThreadStore
  readonly #now: () => number
  #written: Promise<unknown> = Promise.resolve()
  #begun = false

  constructor({ threadId, runId, store, now }: RunThreadOptions) {
    this.threadId = threadId
    this.#runId = runId
    this.#store = store
    this.#now = now
  }

  async messages(page?: MessagePageOptions): Promise<MessagePage> {
    return (await this.#store.read(this.threadId, page)) ?? { messages: [] }
  }

  async append(messages: NewMessage | readonly NewMessage[]): Promise<readonly ThreadMessage[]> {
    const checked = await checkedMessages(messages)
    // One after the other, in the order of the calls; one that fails must not block the next.
    const written = this.#written.then(async () => {
      const added = await this.#store.append(this.threadId, {
        turnId: this.#runId,
        runId: this.#runId,
        continues: this.#begun,
        at: new Date(this.#now()).toISOString(),
        messages: checked,
      })
      this.#begun = true
      return added
    })
    this.#written = written.catch(() => undefined)
    return written
  }
}
