import { bind } from '@ringfence/context'
import { isTerminal, type AgentEvent } from '@ringfence/engine'
import type { HandlerLimits } from '../handler/limits.ts'
import type { EventEncoding } from './event-encoding.ts'

export interface EventStreamOptions {
  readonly events: AsyncIterableIterator<AgentEvent>
  readonly encoding: EventEncoding
  readonly limits: HandlerLimits
  /** Ends the stream: the client has left, or the scope ends. */
  readonly signal: AbortSignal
  /** Epoch milliseconds at which the right to read ends. */
  readonly expiresAt: number | undefined
  /** Cuts a connection that nobody reads from. */
  readonly cut: () => void
  /** Told of a failure of the events; the stream just ends, and its reader may resume. */
  readonly onFailure: (error: unknown) => void
}

export interface EventStream {
  readonly body: ReadableStream<Uint8Array>
  /** When the stream holds nothing any more. Never rejects. */
  readonly ended: Promise<void>
}

/**
 * A run's events as a body. It pulls an event when its reader asks for one and keeps none: a slow reader costs
 * nothing but its place in the log. Ends after the terminal event, when the reader leaves or does not read, and
 * when its right to read runs out. It never errors: an adapter would write that to the console.
 */
export function streamEvents(options: EventStreamOptions): EventStream {
  return new EventSource(options)
}

const encoder = new TextEncoder()
const onDemand = { highWaterMark: 0 }

class EventSource implements EventStream {
  readonly body: ReadableStream<Uint8Array>
  readonly ended: Promise<void>
  readonly #options: EventStreamOptions
  /** Pulls an event, or lets go of the events, in the scope of the stream: whoever reads may be in another. */
  readonly #events: (letGo: boolean) => Promise<IteratorResult<AgentEvent> | undefined>
  #body: ReadableStreamDefaultController<Uint8Array> | undefined
  #waiting = false
  #readAt = Date.now()
  #over = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #settle: () => void = nothing

  constructor(options: EventStreamOptions) {
    this.#options = options
    const { events, signal } = options
    this.#events = bind((letGo: boolean) => (letGo ? released(events) : events.next()))
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.body = new ReadableStream(this, onDemand)
    this.#arm()
    signal.addEventListener('abort', this, { once: true })
    if (signal.aborted) this.#finish(false)
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#body = controller
    this.#write(this.#options.encoding.begin)
  }

  pull(): Promise<void> {
    this.#waiting = true
    return this.#events(false).then(this.#take, this.#fail)
  }

  cancel(): void {
    this.#finish(false)
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.#finish(false)
  }

  /** What was pulled. Its reader waits for something: an event that the protocol has nothing for is none. */
  readonly #take = (step: IteratorResult<AgentEvent> | undefined): Promise<void> | undefined => {
    if (this.#over) return undefined
    if (step === undefined || step.done === true) {
      this.#finish(false)
      return undefined
    }
    try {
      const text = this.#options.encoding.encode(step.value)
      this.#write(text)
      const last = isTerminal(step.value)
      if (text === '' && !last) return this.pull()
      this.#waiting = false
      this.#readAt = Date.now()
      if (last) this.#finish(true)
    } catch (error) {
      this.#fail(error)
    }
    return undefined
  }

  readonly #fail = (error: unknown): void => {
    if (!this.#over) this.#options.onFailure(error)
    this.#finish(false)
  }

  #write(text: string): void {
    if (text !== '') this.#body?.enqueue(encoder.encode(text))
  }

  #finish(complete: boolean): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    const { signal, encoding } = this.#options
    signal.removeEventListener('abort', this)
    try {
      this.#write(encoding.end(complete))
      this.#body?.close()
    } catch {
      // Its reader has cancelled it, which is an end too.
    }
    Promise.resolve(true).then(this.#events).then(this.#settle, this.#settle)
  }

  #tick(): void {
    const { limits, expiresAt, cut } = this.#options
    const now = Date.now()
    if (expiresAt !== undefined && now >= expiresAt) return this.#finish(false)
    const unsent = (this.#body?.desiredSize ?? 0) < 0
    if (this.#waiting && !unsent) {
      this.#readAt = now
      this.#write(': keep-alive\n\n')
    } else if (now - this.#readAt >= limits.unreadMs) {
      this.#finish(false)
      return cut()
    }
    this.#arm()
  }

  #arm(): void {
    const { limits, expiresAt } = this.#options
    const left = expiresAt === undefined ? Infinity : expiresAt - Date.now()
    const delay = Math.max(0, Math.min(limits.heartbeatMs, limits.unreadMs, left))
    this.#timer = setTimeout(() => this.#tick(), delay)
    unref(this.#timer)
  }
}

async function released(events: AsyncIterableIterator<AgentEvent>): Promise<undefined> {
  await events.return?.()
  return undefined
}

function nothing(): void {}

/** A waiting stream alone must not keep a process alive. Elsewhere than on Node a timer is a number. */
function unref(timer: unknown): void {
  if (typeof timer !== 'object' || timer === null || !('unref' in timer)) return
  if (typeof timer.unref === 'function') timer.unref()
}
