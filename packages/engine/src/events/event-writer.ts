import { currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { appenderNow } from '../store/memory-run-now.ts'
import type { RunStore } from '../store/run-store.ts'
import { isStoreFailure, isStoreTimeout } from '../store/store-failure.ts'
import type { DurableEvent, UnnumberedEvent } from './agent-event.ts'

export interface EventWriterOptions {
  readonly runId: string
  readonly store: RunStore
  /** Told of the numbers of events that were stored. Returns what the run's agent is to wait for. */
  readonly onStored: (first: number, last: number) => Promise<void> | undefined
  /** Told when events could not be stored. */
  readonly onLost: (error: unknown) => void
  /** Into the root scope of the run, from wherever. */
  readonly enter: <Result>(work: () => Result) => Result
}

/** Milliseconds between attempts to store the end of a run: nothing else can be told of it any more. */
const endWaitsMs = [50, 250]

/** What was stored, with what an agent is to wait for: in an object, because a promise would be waited for. */
export interface Stored {
  readonly room: Promise<void> | undefined
}

/** Stores the events of one run, one write after the other, in its root scope: that in which it is made. */
export class EventWriter {
  readonly #options: EventWriterOptions
  readonly #appendNow: (events: readonly UnnumberedEvent[]) => readonly DurableEvent[] | undefined
  readonly #root = currentScope()
  /** Undefined where nothing was written but at once. */
  #written: Promise<unknown> | undefined
  #room: Promise<void> | undefined
  #refused: { readonly error: unknown } | undefined
  #unstored: readonly UnnumberedEvent[] | undefined
  /** How many writes the store did not answer in time, and what the newest of them failed with. */
  #unanswered: { readonly timeouts: number; readonly error: unknown } = {
    timeouts: 0,
    error: undefined,
  }

  constructor(options: EventWriterOptions) {
    this.#options = options
    this.#appendNow = appenderNow(options.store, options.runId)
  }

  /** What an agent is to wait for: that those who follow have kept up. */
  get room(): Promise<void> | undefined {
    return this.#room
  }

  /** Why text is missing that its agent was let go on with. */
  get refused(): { readonly error: unknown } | undefined {
    return this.#refused
  }

  /** The end of the story, where it could not be stored. */
  get unstored(): readonly UnnumberedEvent[] | undefined {
    return this.#unstored
  }

  /** Where the store takes events at once, and none of this run waits for it. Undefined where it does not. Throws what the store throws. */
  writeNow(events: readonly UnnumberedEvent[]): Stored | undefined {
    if (this.#written !== undefined) return undefined
    // The store asks for no scope here: that there is none any more has to be said all the same (I5).
    if (this.#root.lifecycle === 'closed') return this.#options.enter(() => undefined)
    const stored = this.#appendNow(events)
    return stored === undefined ? undefined : this.#told(stored)
  }

  /**
   * Resolves when they are stored, with what an agent is to wait for: that those who follow have kept up. `taken`: there
   * is text among them that its agent was let go on with.
   */
  write(
    events: readonly UnnumberedEvent[],
    taken: boolean = false,
    final: boolean = false,
  ): Promise<Stored> {
    const { enter, onLost, runId, store } = this.#options
    const { timeouts } = this.#unanswered
    const written = (this.#written ?? Promise.resolve()).then(() => {
      const { timeouts: since, error } = this.#unanswered
      // What stood in line behind a write that the store did not answer is not tried one by one, but for the end.
      if (since > timeouts && !final) throw error
      return enter(() => store.append(runId, events))
    })
    // One write that fails must not block the next: each caller hears of its own.
    this.#written = written.catch((error: unknown) => {
      if (taken) this.#refused ??= { error }
      const { timeouts: known, error: newest } = this.#unanswered
      if (isStoreTimeout(error) && error !== newest)
        this.#unanswered = { timeouts: known + 1, error }
      onLost(error)
    })
    return written.then((stored) => this.#told(stored))
  }

  /** Stores the end of the story: what the store does not take is tried a few times. */
  async writeEnd(events: readonly UnnumberedEvent[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.write(events, false, true)
        return
      } catch (error) {
        if (isStoreTimeout(error)) {
          this.#unstored = events
          throw error
        }
        if (EngineError.is(error) && !isStoreFailure(error)) {
          // The store had taken it, and could not say so.
          if (attempt > 0 && error.code === 'RUN_ENDED' && (await this.#endsWith(events))) return
          throw error
        }
        const waitMs = endWaitsMs[attempt]
        if (waitMs === undefined) {
          this.#unstored = events
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
  }

  /** Resolves when nothing is being stored any more. Rejects where text that was taken could not be. */
  async settled(): Promise<void> {
    await this.#written
    if (this.#refused !== undefined) throw this.#refused.error
  }

  async #endsWith(events: readonly UnnumberedEvent[]): Promise<boolean> {
    const { enter, runId, store } = this.#options
    const record = await enter(() => store.get(runId)).catch(() => undefined)
    return record?.endedAt !== undefined && record.endedAt === events.at(-1)?.at
  }

  /** Tells that events are stored. */
  #told(stored: readonly DurableEvent[]): Stored {
    const [first] = stored
    const last = stored.at(-1)
    if (first === undefined || last === undefined) return { room: undefined }
    this.#room = this.#options.onStored(first.seq, last.seq)
    return { room: this.#room }
  }
}
