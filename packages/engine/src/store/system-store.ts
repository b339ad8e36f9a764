import type { Owner } from '@ringfence/context'

/** A run that nobody executes: its process has gone. */
export interface ClaimedRun {
  readonly owner: Owner
  readonly runId: string
  readonly agent: string
  /** Which attempt this one is, from 1. */
  readonly attempt: number
}

export interface ClaimOptions {
  /** Who claims. */
  readonly worker: string
  /** Epoch milliseconds. */
  readonly now: number
  /** Milliseconds after which the claim is void unless the worker has shown that it lives. */
  readonly leaseMs: number
  readonly limit: number
}

/** What a sweep removed: counts of what had expired. */
export interface Swept {
  readonly idempotencyKeys: number
  readonly approvals: number
}

/** The versions of the store's shape. */
export interface Migrated {
  readonly from: number
  readonly to: number
}

/** How much is kept, in all. Counts only: nothing of anybody. */
export interface StoreInspection {
  readonly owners: number
  readonly runs: number
  readonly threads: number
  readonly approvals: number
  readonly idempotencyKeys: number
  readonly ledgerAccounts: number
  readonly auditRecords: number
}

/** What was removed of an owner. */
export interface Forgotten {
  readonly runs: number
  readonly events: number
  readonly threads: number
  readonly messages: number
  readonly approvals: number
  readonly idempotencyKeys: number
  readonly ledgerAccounts: number
  /** Of a queue of several processes, also those that were done with. 0 where there is none. */
  readonly jobs: number
}

/**
 * Everything that crosses owners, and nothing else does (I8). Each throws `SYSTEM_ONLY` outside the system scope,
 * which has no user; whoever opens that scope writes the audit trail. The memory store claims nothing: its
 * runs end with their process.
 */
export interface SystemStore {
  claim(options: ClaimOptions): Promise<readonly ClaimedRun[]>
  /** Removes what has expired. */
  sweep(now: number): Promise<Swept>
  migrate(): Promise<Migrated>
  inspect(): Promise<StoreInspection>
  /** Removes everything of an owner but for the audit trail. What goes on must have been ended before. */
  forget(owner: Owner): Promise<Forgotten>
}
