import { EngineError } from '../errors/engine-error.ts'
import { readNow } from '../store/memory-run-now.ts'
import { notFound } from '../store/not-found.ts'
import type { EventBatch, RunStore } from '../store/run-store.ts'
import { isStoreFailure } from '../store/store-failure.ts'
import {
  isTerminal,
  type AgentEvent,
  type DurableEvent,
  type TransientEvent,
} from './agent-event.ts'
import { FollowerPace, type ResolvedBackPressure } from './back-pressure.ts'
import { coalesce } from './coalesce.ts'
import type { Asked } from './following.ts'
import type { LiveWatcher } from './live-events.ts'
import { NewestTransient } from './newest-transient.ts'

const batchSize = 64
const readAgainMs = 500
const nothing: EventBatch = { events: [], ended: false }

/** Hands out the events of a run, one for each pull, in the order of their numbers. */
export class RunFollower
  implements AsyncIterableIterator<AgentEvent, undefined, undefined>, LiveWatcher
{
  readonly #store: RunStore
  readonly #runId: string
  #transient: NewestTransient | undefined
  readonly #policy: ResolvedBackPressure | undefined
  readonly #pace: FollowerPace | undefined
  #releases: readonly (() => void)[] = []
  #cursor: number | undefined
  #batch = nothing
  #position = 0
  /** Who has asked for an event, and who asked behind. */
  #asked: Asked | undefined
  readonly #askedLater: Asked[] = []
  #reading = false
  #serving = false
  /** Whether the log may have what was not read yet. */
  #behind = true
  #over = false
  #stopped = false
  /** Goes on with the front, that waits for something to happen. */
  #wake: (() => void) | undefined
  #failure: EngineError | undefined
  /** Milliseconds that it waits for a store that fails. */
  readonly #outageMs: number
  /** Since when the store could not be read. */
  #unreadSince: number | undefined
  #stopWaiting: (() => void) | undefined

  constructor(
    store: RunStore,
    runId: string,
    after: number | undefined,
    policy: ResolvedBackPressure | undefined,
    outageMs: number = 0,
  ) {
    this.#outageMs = outageMs
    this.#store = store
    this.#runId = runId
    this.#cursor = after
    this.#policy = policy
    if (policy?.policy === 'pause' || policy?.policy === 'disconnect') {
      this.#pace = new FollowerPace(policy, after ?? -1, () => this.#disconnect())
    }
  }

  /** Reads the first batch, so that a missing run or an evicted cursor is known before anything is sent. */
  async begin(): Promise<void> {
    await this.#read()
  }

  /**
   * One pull after the other, also where several are asked for at once: none sees what another one got. While it waits
   * it holds one promise: a server has thousands that do.
   */
  next(): Promise<IteratorResult<AgentEvent, undefined>> {
    return new Promise((resolve, reject) => this.ask({ resolve, reject }))
  }

  ask(asked: Asked): void {
    if (this.#asked !== undefined) {
      this.#askedLater.push(asked)
      return
    }
    this.#asked = asked
    if (!this.#serving) this.#serve()
  }

  #shift(): Asked | undefined {
    const asked = this.#asked
    this.#asked = this.#askedLater.shift()
    return asked
  }

  /** Hands out what there is; where there is nothing, reads, and then waits. Whoever is served may ask again at once. */
  #serve(): void {
    this.#serving = true
    this.#serveAll()
    this.#serving = false
  }

  #serveAll(): void {
    while (this.#asked !== undefined && !this.#reading) {
      const value = this.#nextEvent()
      if (value === undefined && !this.#stopped && !this.#batch.ended) {
        if (this.#behind) {
          if (this.#readNow()) continue
          return this.#readMore()
        }
        if (!this.#over) return this.#wait()
        this.#failure ??= endLost(this.#runId)
      }
      const failure = this.#failure
      this.#failure = undefined
      const asked = this.#shift()
      if (value === undefined || isTerminal(value) || failure !== undefined) this.stop()
      if (failure !== undefined) asked?.reject(failure)
      else asked?.resolve(value === undefined ? { done: true, value } : { done: false, value })
    }
  }

  /** Where the store has its answer at once; false where it does not. */
  #readNow(): boolean {
    try {
      const read = readNow(this.#store, this.#runId, this.#cursor, batchSize)
      if (read === undefined) return false
      this.#behind = false
      this.#take(read.batch, batchSize)
    } catch (error) {
      this.#fail(error)
    }
    return true
  }

  #readMore(): void {
    this.#reading = true
    this.#read()
      .then(() => {
        this.#reading = false
        this.#serve()
      })
      .catch((error: unknown) => {
        if (!this.#stopped && this.#mayWait(error)) return this.#readLater()
        this.#reading = false
        this.#fail(error)
        this.#serve()
      })
  }

  /** Whether it may be otherwise in a moment, and the store has not been given up yet. */
  #mayWait(error: unknown): boolean {
    if (!isStoreFailure(error)) return false
    const now = performance.now()
    this.#unreadSince ??= now
    return now - this.#unreadSince < this.#outageMs
  }

  /** Whoever waits for an event goes on waiting through an outage of the store. */
  #readLater(): void {
    const again = (): void => {
      clearTimeout(timer)
      this.#stopWaiting = undefined
      this.#behind = true
      this.#reading = false
      this.#serve()
    }
    const timer = setTimeout(again, Math.min(readAgainMs, this.#outageMs))
    this.#stopWaiting = again
  }

  #fail(error: unknown): void {
    const asked = this.#shift()
    this.stop()
    asked?.reject(error)
  }

  /** By a promise: whoever wakes it, it goes on in the scope that pulls. */
  #wait(): void {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    void woken.then(this.#goOn)
  }

  readonly #goOn = (): void => {
    this.#wake = undefined
    this.#serve()
  }

  #nextEvent(): AgentEvent | undefined {
    if (this.#stopped) return undefined
    const durable = this.#takeDurable()
    if (durable !== undefined) {
      this.#cursor = durable.seq
      this.#pace?.read(durable.seq)
      // Whatever place in the queue it was to be shown: the run has left it.
      this.#transient?.forgetPosition()
      return durable
    }
    // What is stored was told before it, and comes first.
    return this.#batch.ended || this.#behind ? undefined : this.#transient?.take()
  }

  async return(): Promise<IteratorResult<AgentEvent, undefined>> {
    this.stop()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Calls `release` when the following ends. */
  onStop(release: () => void): void {
    if (this.#stopped) release()
    else this.#releases = [...this.#releases, release]
  }

  /** There may be more to read. */
  wake(): void {
    this.#behind = true
    this.#wake?.()
  }

  show(event: TransientEvent): void {
    // Nobody waits for it now, and later it will be old.
    if (this.#policy?.policy === 'drop' && this.#wake === undefined) return
    this.#transient ??= new NewestTransient()
    this.#transient.add(event)
    this.#wake?.()
  }

  stored(first: number, last: number): Promise<void> | undefined {
    return this.#pace?.stored(first, last)
  }

  #disconnect(): void {
    this.#failure = slowFollower(this.#runId, this.#cursor)
    this.stop()
  }

  #takeDurable(): DurableEvent | undefined {
    const { events } = this.#batch
    if (this.#policy?.policy !== 'coalesce') {
      const event = events[this.#position]
      if (event !== undefined) this.#position += 1
      return event
    }
    const taken = coalesce(events, this.#position)
    this.#position += taken?.count ?? 0
    return taken?.event
  }

  over(): void {
    this.#over = true
    this.#pace?.stop()
    this.wake()
  }

  readonly stop = (): void => {
    if (this.#stopped) return
    this.#stopped = true
    this.#batch = nothing
    this.#transient = undefined
    this.#pace?.stop()
    this.#stopWaiting?.()
    const releases = this.#releases
    this.#releases = []
    for (const release of releases) release()
    this.wake()
  }

  async #read(): Promise<void> {
    this.#behind = false
    const batch = await this.#store.read(this.#runId, this.#cursor, batchSize)
    this.#unreadSince = undefined
    this.#take(batch, 1)
  }

  /** There may be more behind so many events. */
  #take(batch: EventBatch | undefined, full: number): void {
    if (batch === undefined) throw notFound(this.#runId)
    if (this.#stopped) return
    if (batch.events.length >= full) this.#behind = true
    this.#batch = batch
    this.#position = 0
  }
}

function slowFollower(runId: string, cursor: number | undefined): EngineError {
  return new EngineError(
    'SLOW_FOLLOWER',
    `You have not kept up with the run "${runId}" and were let go. Follow it again ${
      cursor === undefined ? 'from its beginning' : `after event ${cursor}`
    }.`,
  )
}

function endLost(runId: string): EngineError {
  return new EngineError(
    'RUN_ENDED',
    `The run "${runId}" is over, but its end could not be stored.`,
  )
}
