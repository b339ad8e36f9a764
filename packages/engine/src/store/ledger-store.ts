/** What can be charged. All of them are counts or amounts from 0. */
export interface LedgerAmounts {
  readonly inputTokens: number
  readonly outputTokens: number
  /** In the deployment's own currency. */
  readonly cost: number
  /** Milliseconds that tools took. */
  readonly toolMs: number
  /** Milliseconds that work took after it was told to stop. */
  readonly orphanMs: number
}

/** One line of an owner's account. */
export interface LedgerEntry {
  readonly runId: string
  readonly agent: string
  /** ISO 8601, UTC. */
  readonly at: string
  readonly amounts: Partial<LedgerAmounts>
}

/** Whose sum: the owner's, unless narrowed to an agent or a run. */
export interface LedgerSubject {
  readonly agent?: string | undefined
  readonly runId?: string | undefined
}

/** What an owner has used. */
export interface LedgerStore {
  /** Adds to the current owner's account, under the agent and the run as well: everywhere, or nowhere. */
  charge(entry: LedgerEntry): Promise<void>

  /** The sum of the current owner, or of an agent or a run of theirs; zeros where nothing was charged. */
  totals(subject?: LedgerSubject): Promise<LedgerAmounts>
}
