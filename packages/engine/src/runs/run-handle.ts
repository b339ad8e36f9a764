import type { ThreadPolicy } from '../scheduling/thread-policy.ts'

export interface StartOptions {
  /** The conversation that the run belongs to: the owner's own id for it. */
  readonly threadId?: string | undefined
  /** What becomes of the run where its thread has one going on. Default: the agent's `threadPolicy`. */
  readonly threadPolicy?: ThreadPolicy | undefined
  /** Aborting it cancels the run with the reason `disconnect`. Without it, the run outlives its caller. */
  readonly signal?: AbortSignal | undefined
  /**
   * However often the same owner starts the same agent with the same key, there is one run, and this is it. The
   * input has to be plain data, and the same: another one is refused with `IDEMPOTENCY_CONFLICT`. 1 to 256
   * characters, kept for the limit `idempotencyKeyMs`.
   */
  readonly idempotencyKey?: string | undefined
}

/** A run that was started. */
export interface RunHandle {
  readonly runId: string
  /** Resolves with the result; rejects with the error of the terminal event. Need not be awaited. */
  readonly result: Promise<unknown>
  /** True where no run was started: this is the one that went on in the thread (`threadPolicy: 'join'`). */
  readonly joined: boolean
  /** True where no run was started: this is the one that the idempotency key has started before. */
  readonly repeated?: boolean | undefined
}
