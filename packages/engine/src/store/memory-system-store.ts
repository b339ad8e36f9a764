import { assertSystem } from '../system/system-scope.ts'
import type { Owner } from '@ringfence/context'
import type { MemoryApprovalStore } from './memory-approval-store.ts'
import type { MemoryAuditStore } from './memory-audit-store.ts'
import type { MemoryIdempotencyStore } from './memory-idempotency-store.ts'
import type { MemoryLedgerStore } from './memory-ledger-store.ts'
import type { MemoryRunStore } from './memory-run-store.ts'
import type { MemoryThreadStore } from './memory-thread-store.ts'
import type {
  ClaimedRun,
  Forgotten,
  Migrated,
  StoreInspection,
  Swept,
  SystemStore,
} from './system-store.ts'

/** The parts of a memory store. */
export interface MemoryParts {
  readonly runs: MemoryRunStore
  readonly threads: MemoryThreadStore
  readonly approvals: MemoryApprovalStore
  readonly idempotency: MemoryIdempotencyStore
  readonly ledger: MemoryLedgerStore
  readonly audit: MemoryAuditStore
}

const shape = 1

/** What crosses owners in the memory of this process. */
export class MemorySystemStore implements SystemStore {
  readonly #parts: MemoryParts

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  /** None: a run in memory ends with the process that executes it. */
  async claim(): Promise<readonly ClaimedRun[]> {
    assertSystem('claim')
    return []
  }

  async sweep(now: number): Promise<Swept> {
    assertSystem('sweep')
    const { idempotency, approvals } = this.#parts
    return { idempotencyKeys: idempotency.sweep(now), approvals: approvals.sweep(now) }
  }

  /** Nothing to do: memory has always its newest shape. */
  async migrate(): Promise<Migrated> {
    assertSystem('migrate')
    return { from: shape, to: shape }
  }

  async inspect(): Promise<StoreInspection> {
    assertSystem('inspect')
    const { runs, threads, approvals, idempotency, ledger, audit } = this.#parts
    const owners = new Set(
      [runs, threads, approvals, idempotency, ledger].flatMap((part) => [...part.owners()]),
    )
    return {
      owners: owners.size,
      runs: runs.runs,
      threads: threads.threads,
      approvals: approvals.approvals,
      idempotencyKeys: idempotency.keys,
      ledgerAccounts: ledger.accounts,
      auditRecords: audit.records,
    }
  }

  async forget(owner: Owner): Promise<Forgotten> {
    assertSystem('forget')
    const { runs, threads, approvals, idempotency, ledger } = this.#parts
    return {
      ...runs.forget(owner),
      ...threads.forget(owner),
      approvals: approvals.forget(owner),
      idempotencyKeys: idempotency.forget(owner),
      ledgerAccounts: ledger.forget(owner),
      jobs: 0,
    }
  }
}
