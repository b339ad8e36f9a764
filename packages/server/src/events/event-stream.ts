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
  const { events, encoding, limits, signal, expiresAt, cut, onFailure } = options
  const encoder = new TextEncoder()
  let body: ReadableStreamDefaultController<Uint8Array> | undefined
  let waiting = false
  let readAt = Date.now()
  let over = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let settle: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    settle = resolve
  })

  const next = bind(() => events.next())
  const release = bind(() => events.return?.())

  const write = (text: string): void => {
    if (text !== '') body?.enqueue(encoder.encode(text))
  }

  const finish = (complete: boolean): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    try {
      write(encoding.end(complete))
      body?.close()
    } catch {
      // Its reader has cancelled it, which is an end too.
    }
    Promise.resolve().then(release).then(settle, settle)
  }
  const end = (): void => finish(false)

  const tick = (): void => {
    const now = Date.now()
    if (expiresAt !== undefined && now >= expiresAt) return end()
    const unsent = (body?.desiredSize ?? 0) < 0
    if (waiting && !unsent) {
      readAt = now
      write(': keep-alive\n\n')
    } else if (now - readAt >= limits.unreadMs) {
      end()
      return cut()
    }
    arm()
  }

  const arm = (): void => {
    const left = expiresAt === undefined ? Infinity : expiresAt - Date.now()
    timer = setTimeout(tick, Math.max(0, Math.min(limits.heartbeatMs, limits.unreadMs, left)))
    unref(timer)
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        body = controller
        write(encoding.begin)
      },
      async pull() {
        waiting = true
        try {
          // Its reader waits for something: an event that the protocol has nothing for is none.
          let text = ''
          while (text === '') {
            const step = await next()
            if (over) return
            if (step.done === true) return end()
            text = encoding.encode(step.value)
            write(text)
            if (isTerminal(step.value)) return finish(true)
          }
        } catch (error) {
          if (!over) onFailure(error)
          end()
        } finally {
          waiting = false
          readAt = Date.now()
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
  arm()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  return { body: stream, ended }
}

/** A waiting stream alone must not keep a process alive. Elsewhere than on Node a timer is a number. */
function unref(timer: unknown): void {
  if (typeof timer !== 'object' || timer === null || !('unref' in timer)) return
  if (typeof timer.unref === 'function') timer.unref()
}
