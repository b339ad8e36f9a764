import type { Owner } from '@ringfence/context'

export type ApprovalStatus = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'used'

/** What a person is asked to approve. */
export interface NewApproval {
  readonly approvalId: string
  readonly runId: string
  readonly callId: string
  readonly agent: string
  readonly tool: string
  /** A shortened copy of the arguments, with what looks like a secret left out: for whoever decides. */
  readonly input?: unknown
  /** Hash of the canonical arguments: an approval is for these and no others. */
  readonly argumentsHash: string
  /** ISO 8601, UTC; so are the other times. */
  readonly requestedAt: string
  readonly expiresAt: string
}

export interface ApprovalRecord extends NewApproval {
  readonly status: ApprovalStatus
  readonly resolvedAt?: string | undefined
  /** Who approved or denied it; absent where nobody did. */
  readonly resolvedBy?: Owner | undefined
  /** What they said about it. */
  readonly reason?: string | undefined
}

export interface ApprovalResolution {
  readonly outcome: 'approved' | 'denied' | 'expired' | 'cancelled'
  readonly at: string
  readonly by?: Owner | undefined
  readonly reason?: string | undefined
}

/** What an approval is redeemed for. */
export interface ApprovedCall {
  readonly runId: string
  readonly callId: string
  readonly argumentsHash: string
}

export interface ApprovalPageOptions {
  /** At most so many, 1 to 100. Default 20. */
  readonly limit?: number | undefined
  /** Only approvals older than this one: the `next` of the page before. */
  readonly before?: string | undefined
  readonly status?: ApprovalStatus | undefined
  readonly runId?: string | undefined
}

export interface ApprovalPage {
  /** Newest first. */
  readonly approvals: readonly ApprovalRecord[]
  readonly next?: string | undefined
}

/** What an owner's runs ask a person. An approval is decided once, and used once. */
export interface ApprovalStore {
  /** Adds a pending approval of the current owner. Rejects with `APPROVAL_LIMIT` when too many are pending. */
  create(approval: NewApproval): Promise<void>

  /** The approval, or undefined where the current owner has none of that id. */
  get(approvalId: string): Promise<ApprovalRecord | undefined>

  /** The current owner's approvals, a page at a time. */
  list(page?: ApprovalPageOptions): Promise<ApprovalPage>

  /**
   * Decides a pending approval, once: of two that decide at the same time, one does. At or after `expiresAt` it
   * can only expire or be cancelled. Resolves with the approval as it now stands, whoever decided it; undefined where there is none.
   */
  resolve(approvalId: string, resolution: ApprovalResolution): Promise<ApprovalRecord | undefined>

  /**
   * Uses an approved approval, once, for exactly what was approved and not after it has expired. False where it
   * is not there, not approved, used already, or for another run, call or other arguments.
   */
  redeem(approvalId: string, call: ApprovedCall, at: string): Promise<boolean>

  /** Removes the approvals of a run. Returns how many there were. */
  deleteOf(runId: string): Promise<number>

  /**
   * Calls `wake` when the approval may have been decided: a hint, never a promise. Returns how to stop. Called in
   * no particular scope.
   */
  watch(approvalId: string, wake: () => void): Promise<() => void>
}
