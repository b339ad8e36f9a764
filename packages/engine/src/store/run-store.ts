import type { Failure } from '../errors/failure.ts'
import type { DurableEvent, UnnumberedEvent } from '../events/agent-event.ts'
import type { RunStatus } from '../runs/run-status.ts'

/** What is known of a run, as its owner may see it. */
export interface RunRecord {
  readonly runId: string
  readonly agent: string
  readonly status: RunStatus
  readonly threadId?: string | undefined
  /** The request that started it. */
  readonly requestId: string
  /** ISO 8601, UTC; so are the other two. */
  readonly createdAt: string
  readonly startedAt?: string | undefined
  readonly endedAt?: string | undefined
  /** The number of its newest event; -1 before the first. */
  readonly lastSeq: number
  /** Present once it has completed. */
  readonly result?: unknown
  /** Present once it has failed. */
  readonly error?: Failure | undefined
}

/** A run that is about to be queued. */
export type NewRun = Pick<RunRecord, 'runId' | 'agent' | 'threadId' | 'requestId' | 'createdAt'>

export interface RunPageOptions {
  /** At most so many, 1 to 100. Default 20. */
  readonly limit?: number
  /** Only runs older than this one: the `next` of the page before. */
  readonly before?: string
  /** Only runs of this thread. */
  readonly threadId?: string | undefined
}

export interface RunPage {
  /** Newest first. */
  readonly runs: readonly RunRecord[]
  /** What to pass as `before` for the next page; absent on the last. */
  readonly next?: string | undefined
}

/** Some events of a run, in order. */
export interface EventBatch {
  readonly events: readonly DurableEvent[]
  /** Whether the run's terminal event is in this batch or before it: nothing will follow. */
  readonly ended: boolean
}

/**
 * Where runs and their events are kept. Every method takes the owner from the current scope, and every
 * index begins with it (I8): there is no way to ask for a run by its id alone, so that a foreign run and a
 * missing one are the same thing. All methods throw `NO_SCOPE` outside a scope.
 *
 * Asynchronous, because a database implements it too.
 */
export interface RunStore {
  /**
   * Milliseconds that pieces of text may wait for more of them, to be appended together. Default 0: each at once.
   * Nothing but text and thoughts ever waits, and what comes after them takes them along.
   */
  readonly batchMs?: number | undefined

  /** Adds a queued run of the current owner. */
  create(run: NewRun): Promise<void>

  /**
   * Adds events in order and numbers them without gaps; the run's status follows from them. All of them or
   * none. Throws `RUN_NOT_FOUND`, `RUN_ENDED` after the terminal event, and `RUN_STATE` where it begins twice.
   */
  append(runId: string, events: readonly UnnumberedEvent[]): Promise<readonly DurableEvent[]>

  /** The run, or undefined where the current owner has none of that id. */
  get(runId: string): Promise<RunRecord | undefined>

  /** The current owner's runs, a page at a time. */
  list(page?: RunPageOptions): Promise<RunPage>

  /**
   * At most `limit` events with numbers above `after` (from the first where it is undefined), or undefined
   * where the current owner has no such run. Throws `CURSOR_EVICTED` when events in between are no longer kept.
   */
  read(runId: string, after: number | undefined, limit: number): Promise<EventBatch | undefined>

  /**
   * Calls `wake` when the run may have new events: a hint, never a promise. Returns how to stop. The
   * callback is called in no particular scope and must only note that there is something to read.
   */
  watch(runId: string, wake: () => void): Promise<() => void>

  /** Removes a run that has ended, and its events. False where there is none. Rejects with `RUN_GOES_ON`. */
  delete(runId: string): Promise<boolean>
}
