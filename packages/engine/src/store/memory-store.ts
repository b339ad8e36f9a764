import { checkedNames, checkedObject } from '../internal/checked-option.ts'
import type { ApprovalStore } from './approval-store.ts'
import type { AuditStore } from './audit-store.ts'
import type { EngineStore } from './engine-store.ts'
import type { IdempotencyStore } from './idempotency-store.ts'
import type { LedgerStore } from './ledger-store.ts'
import { MemoryApprovalStore, type MemoryApprovalStoreLimits } from './memory-approval-store.ts'
import { MemoryAuditStore, type MemoryAuditStoreLimits } from './memory-audit-store.ts'
import {
  MemoryIdempotencyStore,
  type MemoryIdempotencyStoreLimits,
} from './memory-idempotency-store.ts'
import { MemoryLedgerStore, type MemoryLedgerStoreLimits } from './memory-ledger-store.ts'
import type { MemoryRunStoreLimits } from './kept-runs.ts'
import { MemoryRunStore } from './memory-run-store.ts'
import { MemorySystemStore, type MemoryParts } from './memory-system-store.ts'
import { MemoryThreadStore, type MemoryThreadStoreOptions } from './memory-thread-store.ts'
import type { RunStore } from './run-store.ts'
import type { SystemStore } from './system-store.ts'
import type { ThreadStore } from './thread-store.ts'

/** How much each part of a memory store keeps. Every limit has a default. */
export interface MemoryStoreOptions {
  readonly runs?: Partial<MemoryRunStoreLimits>
  readonly threads?: MemoryThreadStoreOptions
  readonly approvals?: Partial<MemoryApprovalStoreLimits>
  readonly idempotency?: Partial<MemoryIdempotencyStoreLimits>
  readonly ledger?: Partial<MemoryLedgerStoreLimits>
  readonly audit?: Partial<MemoryAuditStoreLimits>
}

const names: { readonly [Name in keyof Required<MemoryStoreOptions>]: true } = {
  runs: true,
  threads: true,
  approvals: true,
  idempotency: true,
  ledger: true,
  audit: true,
}

/**
 * Keeps everything in the memory of this process: bounded, gone with the process. A crash loses what was going on
 * without a terminal event; only a durable store promises one. Throws TypeError for a limit that is none.
 *
 * @example
 * const store = new MemoryStore({ runs: { runsPerOwner: 50 }, threads: { whenFull: 'refuse' } })
 */
export class MemoryStore implements EngineStore {
  readonly runs: RunStore
  readonly threads: ThreadStore
  readonly approvals: ApprovalStore
  readonly idempotency: IdempotencyStore
  readonly ledger: LedgerStore
  readonly audit: AuditStore
  readonly system: SystemStore
  readonly #parts: MemoryParts

  constructor(options: MemoryStoreOptions = {}) {
    checkedNames('a memory store', checkedObject('the options of a memory store', options), names)
    for (const [name, part] of Object.entries(options)) {
      if (part !== undefined) checkedObject(`\`${name}\``, part)
    }
    const runs = new MemoryRunStore(options.runs)
    const runHasEnded = (runId: string): boolean => runs.hasEnded(runId)
    const parts: MemoryParts = {
      runs,
      threads: new MemoryThreadStore(options.threads ?? {}, runHasEnded),
      approvals: new MemoryApprovalStore(options.approvals ?? {}, runHasEnded),
      idempotency: new MemoryIdempotencyStore(options.idempotency ?? {}),
      ledger: new MemoryLedgerStore(options.ledger ?? {}),
      audit: new MemoryAuditStore(options.audit ?? {}),
    }
    this.#parts = parts
    this.runs = parts.runs
    this.threads = parts.threads
    this.approvals = parts.approvals
    this.idempotency = parts.idempotency
    this.ledger = parts.ledger
    this.audit = parts.audit
    this.system = new MemorySystemStore(parts)
  }

  async close(): Promise<void> {
    const { runs, threads, approvals, idempotency, ledger, audit } = this.#parts
    for (const part of [runs, threads, approvals, idempotency, ledger, audit]) part.clear()
  }
}
