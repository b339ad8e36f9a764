import type { OrphanListener } from '@ringfence/context'

/** Work that may become an orphan. */
export interface GuardedWork {
  /** Whose execution it is part of. */
  readonly agent: string
  /** Where it is a tool call or a delegation. */
  readonly callId?: string
  /** Where it is a tool call. */
  readonly tool?: string
}

/** What the work of one run asks before it starts, and where it is told of when it does not stop. */
export interface OrphanGuard {
  /**
   * Throws `TOO_MANY_ORPHANS` where the owner has too much running that did not stop, and `TOOL_QUARANTINED` for a tool
   * of theirs that keeps doing that.
   */
  admit(tool?: string): void
  listenerOf(work: GuardedWork): OrphanListener
}
