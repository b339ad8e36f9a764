import { bind, canonicalOwner, currentScope } from '@ringfence/context'
import { notFound } from '../store/not-found.ts'
import type { EventBatch, RunStore } from '../store/run-store.ts'
import { isTerminal, type AgentEvent, type TransientEvent } from './agent-event.ts'
import type { LiveEvents } from './live-events.ts'

export interface FollowOptions {
  /** The number of the last event already seen. Default: none, so that the first event comes first. */
  readonly after?: number | undefined
  /** Ends the following when it aborts; the run goes on. */
  readonly signal?: AbortSignal | undefined
}

const batchSize = 64

/**
 * Follows a run of the current owner: what is stored first, then what comes, without a gap and without a
 * repeat, up to the terminal event. The follower reads from the log when it is pulled, so a slow one holds
 * nothing up and nothing is buffered for it: it falls behind, and gets `CURSOR_EVICTED` if it falls too far.
 * Of transient events it sees the newest of each type.
 *
 * The iterator belongs to the current scope: it is refused to other owners (I7) and released at its close.
 */
export async function followRun(
  store: RunStore,
  live: LiveEvents,
  runId: string,
  { after, signal }: FollowOptions,
): Promise<AsyncIterableIterator<AgentEvent>> {
  const scope = currentScope()
  const follower = new RunFollower(store, runId, after)
  // Watching begins before the first read: what is appended in between is noticed.
  const forgetDurable = await store.watch(runId, () => follower.wake())
  const forgetTransient = live.watch(canonicalOwner(scope.owner), runId, (event) =>
    follower.show(event),
  )
  const stop = (): void => follower.stop()
  follower.onStop = () => {
    forgetDurable()
    forgetTransient()
    signal?.removeEventListener('abort', stop)
  }
  try {
    await follower.begin()
    scope.defer(stop)
  } catch (error) {
    stop()
    throw error
  }
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  return bind.iterator<AgentEvent, undefined, undefined>(follower)
}

class RunFollower implements AsyncIterableIterator<AgentEvent, undefined, undefined> {
  readonly #store: RunStore
  readonly #runId: string
  readonly #transient = new Map<TransientEvent['type'], TransientEvent>()
  #cursor: number | undefined
  #batch: EventBatch = { events: [], ended: false }
  #position = 0
  #woken = false
  #stopped = false
  #wake: (() => void) | undefined
  onStop: () => void = () => undefined

  constructor(store: RunStore, runId: string, after: number | undefined) {
    this.#store = store
    this.#runId = runId
    this.#cursor = after
  }

  /** Reads the first batch, so that a missing run or an evicted cursor is known before anything is sent. */
  async begin(): Promise<void> {
    await this.#read()
  }

  async next(): Promise<IteratorResult<AgentEvent, undefined>> {
    while (!this.#stopped) {
      const durable = this.#batch.events[this.#position]
      if (durable !== undefined) {
        this.#position += 1
        this.#cursor = durable.seq
        if (isTerminal(durable)) this.stop()
        return { done: false, value: durable }
      }
      if (this.#batch.ended) break
      const shown = this.#takeTransient()
      if (shown !== undefined) return { done: false, value: shown }
      this.#woken = false
      await this.#read()
      if (this.#batch.events.length > 0 || this.#batch.ended) continue
      await this.#untilWoken()
    }
    this.stop()
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<AgentEvent, undefined>> {
    this.stop()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  show(event: TransientEvent): void {
    this.#transient.set(event.type, event)
    this.wake()
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.onStop()
    this.wake()
  }

  #takeTransient(): TransientEvent | undefined {
    const [first] = this.#transient
    if (first === undefined) return undefined
    this.#transient.delete(first[0])
    return first[1]
  }

  async #read(): Promise<void> {
    const batch = await this.#store.read(this.#runId, this.#cursor, batchSize)
    if (batch === undefined) throw notFound(this.#runId)
    this.#batch = batch
    this.#position = 0
  }

  async #untilWoken(): Promise<void> {
    if (this.#woken || this.#stopped || this.#transient.size > 0) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }
}
