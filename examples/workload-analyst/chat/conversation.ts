import { Chat } from '@ai-sdk/react'
import { type Client, RequestError } from '../page/client.ts'
import { type ChatMessage, endedEarly } from './chat-message.ts'
import { createChatTransport } from './chat-transport.ts'
import { type ConversationState, idle } from './conversation-state.ts'
import { loadChat } from './load-chat.ts'
import { Pause } from './pause.ts'
import { isConnectionLost, refusal } from './trouble.ts'

/** Remembers what was shown, for the page that comes after a reload. */
export interface Memory {
  write(messages: readonly ChatMessage[]): void
}

const longestWaitMs = 8_000
const mostAttempts = 20

/**
 * One chat with the assistant: the SDK's, and what it leaves to its page. A stop that ends the run, a lost connection that
 * is opened again, and the reason why there is no answer. It does one thing at a time.
 */
export class Conversation {
  readonly chat: Chat<ChatMessage>
  readonly #client: Client
  readonly #memory: Memory
  readonly #pause = new Pause()
  readonly #listeners = new Set<() => void>()
  #state = idle
  #tail: Promise<void> = Promise.resolve()
  #closed = false
  /** Whether there is a run to stop. */
  #begun = false

  constructor(client: Client, chatId: string, memory: Memory, seen: readonly ChatMessage[]) {
    this.#client = client
    this.#memory = memory
    this.chat = new Chat<ChatMessage>({
      id: chatId,
      messages: [...seen],
      transport: createChatTransport(client, () => this.#begin()),
      onData: (part) => {
        if (part.type === 'data-queue') this.#set({ place: part.data.position })
      },
    })
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly state = (): ConversationState => this.#state

  /** Sends a question. False where another one is being answered. */
  ask(text: string): boolean {
    if (this.#state.answering || text.trim() === '') return false
    this.#set({ answering: true })
    void this.#perform(() => this.chat.sendMessage({ text }), true)
    return true
  }

  /** Sends the last question again. */
  askAgain(): void {
    if (this.#state.working) return
    this.#set({ answering: true })
    void this.#perform(() => this.chat.regenerate(), true)
  }

  /** Shows what the server knows of the chat, and the answer that is being given in it. */
  refresh(): void {
    if (this.#state.working) return
    void this.#perform(async () => {
      await this.#agree()
      await this.chat.resumeStream()
    })
  }

  /** Ends the run that answers, not only the connection to it. */
  stop(): void {
    if (!this.#state.answering || this.#state.stopping) return
    this.#set({ stopping: true })
    if (this.#begun) void this.#stop()
  }

  /** Tries at once to connect again. */
  reconnect(): void {
    this.#pause.end()
  }

  /** Has what was shown remembered. */
  keep(): void {
    this.#memory.write(this.chat.messages)
  }

  /** Lets go of it. What is being answered goes on. */
  close(): void {
    this.keep()
    this.#closed = true
    this.#pause.end()
    void this.chat.stop()
  }

  #set(change: Partial<ConversationState>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }

  #begin(): void {
    this.#begun = true
    this.#set({ answering: true, trouble: undefined })
    if (this.#state.stopping) void this.#stop()
  }

  async #stop(): Promise<void> {
    try {
      await this.#client.json('POST', `/v1/chat/${encodeURIComponent(this.chat.id)}/stop`)
    } catch (error) {
      // Where the connection is lost, the answer's own is, too.
      if (isConnectionLost(error)) return
      this.#set({ stopping: false, trouble: refusal(error) })
    }
  }

  #perform(request: () => Promise<void>, answering = false): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      if (this.#closed) return
      this.#begun = false
      this.#set({ working: true, answering, trouble: undefined })
      try {
        await this.#attempt(request)
      } catch (error) {
        if (isConnectionLost(error))
          await this.#comeBack().catch((failure: unknown) => this.#fail(failure))
        else this.#fail(error)
      }
      const { trouble } = this.#state
      this.#set({ ...idle, trouble })
      if (!this.#closed) this.keep()
    })
    return this.#tail
  }

  async #attempt(request: () => Promise<void>): Promise<void> {
    await request()
    if (this.chat.error !== undefined) throw this.chat.error
    if (this.#begun) await this.#agree()
  }

  async #comeBack(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const gone = attempt > mostAttempts
      this.#set({ trouble: { kind: gone ? 'gone' : 'lost' }, place: undefined })
      await this.#pause.wait(gone ? undefined : Math.min(longestWaitMs, 250 * 2 ** attempt))
      if (this.#closed) return
      if (gone) attempt = 1
      this.#begun = false
      try {
        await this.#attempt(async () => {
          await this.#agree()
          await this.chat.resumeStream()
        })
        this.#set({ trouble: undefined })
        return
      } catch (error) {
        if (!isConnectionLost(error)) throw error
        if (this.#begun) attempt = 1
      }
    }
  }

  async #agree(): Promise<void> {
    const messages = await loadChat(this.#client, this.chat.id, this.chat.messages)
    if (!this.#closed) this.chat.messages = messages
  }

  #fail(error: unknown): void {
    const last = this.chat.messages.at(-1)
    this.chat.clearError()
    if (last?.role !== 'assistant' || error instanceof RequestError) {
      this.#set({ trouble: refusal(error) })
      return
    }
    const detail = error instanceof Error ? error.message : String(error)
    this.chat.messages = [
      ...this.chat.messages.slice(0, -1),
      endedEarly(last, { how: 'failed', detail }),
    ]
  }
}
