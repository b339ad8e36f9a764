/** A run that may stand behind a key. */
export interface IdempotencyClaim {
  readonly agent: string
  readonly key: string
  /** Hash of what is to be started: the same key may only start the same thing. */
  readonly inputHash: string
  readonly runId: string
  /** Epoch milliseconds. */
  readonly now: number
  /** Epoch milliseconds from which on the key is free again. */
  readonly expiresAt: number
}

export interface IdempotencyRecord {
  readonly runId: string
  readonly inputHash: string
  readonly expiresAt: number
}

/** Which run an owner's key has started. A key belongs to its owner and agent, and to nobody and nothing else. */
export interface IdempotencyStore {
  /**
   * Takes the key for a run, or says which run has it. Atomic: of two claims at the same time, one takes it. The
   * record that is returned names the claim's own run where it was taken. Rejects with `IDEMPOTENCY_LIMIT` where
   * the current owner has as many keys as may be kept, none of them expired.
   */
  claim(claim: IdempotencyClaim): Promise<IdempotencyRecord>

  /** Gives a key back, if this run has it: the run never came to be. */
  release(agent: string, key: string, runId: string): Promise<void>
}
