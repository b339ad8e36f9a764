import type { ApprovalStore } from './approval-store.ts'
import type { AuditStore } from './audit-store.ts'
import type { IdempotencyStore } from './idempotency-store.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { RunStore } from './run-store.ts'
import type { SystemStore } from './system-store.ts'
import type { ThreadStore } from './thread-store.ts'

/**
 * Where an engine keeps whatever outlives a call. Every method of its parts, but for the last two, takes the
 * owner from the current scope, and every index begins with it (I8): nothing can be asked for by its id alone,
 * so that what is somebody else's and what is not there are the same thing. They throw `NO_SCOPE` outside a
 * scope. The operations that cross owners are those of `system`, and no others.
 *
 * Asynchronous, because a database implements it too.
 */
export interface EngineStore {
  readonly runs: RunStore
  readonly threads: ThreadStore
  readonly approvals: ApprovalStore
  readonly idempotency: IdempotencyStore
  readonly ledger: LedgerStore
  readonly audit: AuditStore
  readonly system: SystemStore

  /** Releases what the store holds. */
  close(): Promise<void>
}
