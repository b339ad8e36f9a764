import type { CancelReason } from '../events/agent-event.ts'
import type { ThreadPolicy } from '../scheduling/thread-policy.ts'
import type { NewRun } from '../store/run-store.ts'

/** A run that is handed over. */
export interface QueuedRun extends NewRun {
  /** As it was given to `start`: whoever executes it parses it again. */
  readonly input: unknown
  /** How many executions lead here. */
  readonly depth: number
  /** How many turns its owner has, beside one of weight 1. */
  readonly weight: number
  readonly threadPolicy: ThreadPolicy
  /** The run that starts this one, if one does. */
  readonly startedBy?: string | undefined
  /** Runs of the owner that may wait; one more is refused with `OWNER_QUEUE_FULL`. */
  readonly ownerQueue: number
  /** Runs of all owners that may wait; one more is refused with `QUEUE_FULL`. */
  readonly queue: number
  /** Milliseconds that it may wait; then it ends with `QUEUE_TIMEOUT`, whether anybody could have executed it or not. */
  readonly queueMs: number
}

/**
 * Where runs wait that any of several processes may execute. Every method takes the owner from the current scope (I8),
 * like the store's.
 */
export interface RunQueue {
  /**
   * Stores the run as queued and hands it over: both, or neither. Resolves with the id of the run that it joins, where
   * its thread has one and the policy says so. Rejects with `THREAD_BUSY`, `OWNER_QUEUE_FULL` and `QUEUE_FULL`.
   */
  enqueue(run: QueuedRun): Promise<string | undefined>

  /** Ends the run, or asks whoever executes it to. Without effect on one that has ended, and on one that is not there. */
  cancel(runId: string, reason: CancelReason): Promise<void>
}

/** A run that this process has taken from a queue. */
export interface TakenRun {
  readonly runId: string
  readonly agent: string
  readonly input: unknown
  readonly depth: number
  readonly createdAt: string
  /** Which attempt this is, from 1. */
  readonly attempt: number
  /** An earlier attempt has told of the run already. */
  readonly restarted: boolean
  /** Epoch milliseconds by which it ends, with `RUN_DEADLINE` where it has not. Default: none. */
  readonly deadline?: number | undefined
  /** Called once, with how to end it from outside. */
  readonly onControl: (control: RunControl) => void
}

export interface RunControl {
  cancel(reason: CancelReason): void
  /** Ends the attempt without a word: the run goes on elsewhere. */
  leave(error: Error): void
}
