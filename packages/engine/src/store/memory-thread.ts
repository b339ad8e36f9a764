import { EngineError } from '../errors/engine-error.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import type {
  MessagePage,
  MessagePageOptions,
  NewThreadMessage,
  ThreadMessage,
  ThreadRecord,
  ThreadTurn,
} from './thread-store.ts'

export interface ThreadLimits {
  readonly messagesPerThread: number
  readonly bytesPerMessage: number
  readonly bytesPerThread: number
}

interface Kept {
  readonly message: ThreadMessage
  readonly bytes: number
}

/** One conversation in memory: the newest of its turns. */
export class MemoryThread {
  readonly threadId: string
  readonly #limits: ThreadLimits
  readonly #createdAt: string
  #updatedAt: string
  #kept: Kept[] = []
  #next = 0
  #dropped = 0
  bytes = 0

  constructor(threadId: string, at: string, limits: ThreadLimits) {
    this.threadId = threadId
    this.#limits = limits
    this.#createdAt = at
    this.#updatedAt = at
  }

  get record(): ThreadRecord {
    return Object.freeze({
      threadId: this.threadId,
      createdAt: this.#createdAt,
      updatedAt: this.#updatedAt,
      messages: this.#kept.length,
      bytes: this.bytes,
      dropped: this.#dropped,
    })
  }

  get messages(): number {
    return this.#kept.length
  }

  /** Adds the messages, and drops the oldest turns where there is no room. All of it, or nothing. */
  append(turn: ThreadTurn, mayDrop: boolean): readonly ThreadMessage[] {
    if (turn.continues === true) this.#refuseLostTurn(turn.turnId)
    this.#refuseDuplicates(turn.messages)
    const added = turn.messages.map((message, index) => this.#weigh(message, turn, index))
    const kept = [...this.#kept, ...added]
    const rest = this.#fitting(kept, turn.turnId)
    if (rest.length < kept.length && !mayDrop) throw this.#full('and the store drops nothing')
    this.#dropped += kept.length - rest.length
    this.#kept = rest
    this.#next += added.length
    this.bytes = sum(this.#kept)
    this.#updatedAt = turn.at
    return added.map(({ message }) => message)
  }

  read({ limit = 100, before }: MessagePageOptions): MessagePage {
    const end = before === undefined ? this.#kept.length : this.#countBefore(before)
    const start = Math.max(0, end - Math.min(limit, 1_000))
    const messages = this.#kept.slice(start, end).map(({ message }) => message)
    return start > 0 ? { messages, previous: messages[0]?.position } : { messages }
  }

  /** What is left when the oldest turns have gone, whole, until the rest fits. */
  #fitting(kept: Kept[], newestTurn: string): Kept[] {
    const { messagesPerThread, bytesPerThread } = this.#limits
    let rest = kept
    let bytes = sum(rest)
    while (rest.length > messagesPerThread || bytes > bytesPerThread) {
      const oldest = rest.find(({ message }) => message.turnId !== newestTurn)?.message.turnId
      if (oldest === undefined) throw this.#full('and this turn alone is more')
      rest = rest.filter(({ message }) => message.turnId !== oldest)
      bytes = sum(rest)
    }
    return rest
  }

  #refuseLostTurn(turnId: string): void {
    if (this.#kept.some(({ message }) => message.turnId === turnId)) return
    throw turnOver(this.threadId)
  }

  #refuseDuplicates(messages: readonly NewThreadMessage[]): void {
    const known = new Set(this.#kept.map(({ message }) => message.messageId))
    for (const { messageId } of messages) {
      if (known.has(messageId)) {
        throw new EngineError(
          'DUPLICATE_MESSAGE',
          `The thread "${this.threadId}" has a message "${messageId.slice(0, 100)}" already.`,
        )
      }
      known.add(messageId)
    }
  }

  #weigh({ messageId, role, content }: NewThreadMessage, turn: ThreadTurn, index: number): Kept {
    const { turnId, runId, at } = turn
    const position = this.#next + index
    // A copy: whoever still holds the content cannot change what was said.
    const text = JSON.stringify({ messageId, role, content, position, turnId, runId, at })
    const bytes = new TextEncoder().encode(text).byteLength
    if (bytes > this.#limits.bytesPerMessage) {
      throw new EngineError(
        'MESSAGE_TOO_LARGE',
        `A message takes ${bytes} bytes as JSON; at most ${this.#limits.bytesPerMessage} are allowed.`,
      )
    }
    const message: ThreadMessage = deepFreeze(JSON.parse(text))
    return { message, bytes }
  }

  #countBefore(position: number): number {
    const index = this.#kept.findIndex(({ message }) => message.position >= position)
    return index === -1 ? this.#kept.length : index
  }

  #full(why: string): EngineError {
    const { messagesPerThread, bytesPerThread } = this.#limits
    return new EngineError(
      'THREAD_FULL',
      `The thread "${this.threadId}" may hold ${messagesPerThread} messages and ${bytesPerThread} bytes, ${why}.`,
    )
  }
}

export function turnOver(threadId: string): EngineError {
  return new EngineError(
    'TURN_OVER',
    `The beginning of this turn is no longer in the thread "${threadId}": nothing can be added to it.`,
  )
}

function sum(kept: readonly Kept[]): number {
  return kept.reduce((bytes, message) => bytes + message.bytes, 0)
}
