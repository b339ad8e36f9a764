/** A run that may come to stand behind a key. */
export interface IdempotencyClaim {
  readonly agent: string
  readonly key: string
  /** Hash of what is to be started: the same key may only start the same thing. */
  readonly inputHash: string
  /** The id that the run will have. */
  readonly runId: string
  /** Epoch milliseconds; so are the other two. */
  readonly now: number
  /** When a claim that nobody has confirmed is void: whoever made it has died in between. */
  readonly leaseUntil: number
  /** From when on the key is free again. */
  readonly expiresAt: number
}

export interface IdempotencyRecord {
  readonly runId: string
  readonly inputHash: string
  /** Whether the run has been started. */
  readonly confirmed: boolean
  readonly leaseUntil: number
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

  /** The run has been started, under this id. Without effect where the claim is not there any more. */
  confirm(agent: string, key: string, claimed: string, runId: string): Promise<void>

  /** Gives a key back, if this run has it: the run never came to be. */
  release(agent: string, key: string, runId: string): Promise<void>
}
