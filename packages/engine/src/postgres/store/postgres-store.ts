import { randomUUID } from 'node:crypto'
import type { EngineLogger } from '../../logger.ts'
import type { ApprovalStore } from '../../store/approval-store.ts'
import type { AuditStore } from '../../store/audit-store.ts'
import type { EngineStore } from '../../store/engine-store.ts'
import type { IdempotencyStore } from '../../store/idempotency-store.ts'
import type { LedgerStore } from '../../store/ledger-store.ts'
import type { RunStore } from '../../store/run-store.ts'
import type { SystemStore } from '../../store/system-store.ts'
import type { ThreadStore } from '../../store/thread-store.ts'
import type { Database } from '../database/database.ts'
import { sessionKey } from '../queue/process-session.ts'
import { HeldAttempts } from './held-attempts.ts'
import {
  PostgresApprovalStore,
  type PostgresApprovalStoreLimits,
} from './postgres-approval-store.ts'
import { PostgresAuditStore } from './postgres-audit-store.ts'
import {
  PostgresIdempotencyStore,
  type PostgresIdempotencyStoreLimits,
} from './postgres-idempotency-store.ts'
import { PostgresLedgerStore } from './postgres-ledger-store.ts'
import { PostgresRunStore } from './postgres-run-store.ts'
import { PostgresSystemStore } from './postgres-system-store.ts'
import { PostgresThreadStore, type PostgresThreadStoreOptions } from './postgres-thread-store.ts'
import { WakeUps } from './wake-ups.ts'

/** How much is kept of each owner. Every limit has a default; how long is the retention's to say. */
export interface PostgresStoreLimits {
  readonly threads?: PostgresThreadStoreOptions
  readonly approvals?: Partial<PostgresApprovalStoreLimits>
  readonly idempotency?: Partial<PostgresIdempotencyStoreLimits>
}

export interface PostgresStoreParts extends PostgresStoreLimits {
  readonly database: Database
  /** Milliseconds after which whoever waits looks for themselves, notified or not. Default 1,000. */
  readonly pollMs?: number | undefined
  /** Milliseconds that pieces of text may wait for more, to be stored together. Default 50. */
  readonly batchMs?: number | undefined
  readonly logger?: EngineLogger | undefined
  /** What else is to be released at the close. */
  readonly onClose?: (() => Promise<void>) | undefined
}

/**
 * Everything that outlives a call, in PostgreSQL or in PGlite: what was acknowledged is there after a crash. Made by
 * `openPostgresStore`.
 */
export class PostgresStore implements EngineStore {
  readonly runs: RunStore
  readonly threads: ThreadStore
  readonly approvals: ApprovalStore
  readonly idempotency: IdempotencyStore
  readonly ledger: LedgerStore
  readonly audit: AuditStore
  readonly system: SystemStore
  /** @internal What the queue shares with the store. */
  readonly parts: {
    readonly database: Database
    readonly wakeUps: WakeUps
    readonly attempts: HeldAttempts
    readonly processId: string
  }
  readonly #onClose: (() => Promise<void>) | undefined
  #closed: Promise<void> | undefined

  /** @internal */
  constructor({
    database,
    pollMs = 1_000,
    batchMs = 50,
    logger,
    onClose,
    ...limits
  }: PostgresStoreParts) {
    const processId = randomUUID()
    const session = `SELECT pg_advisory_lock_shared(${sessionKey(processId)})`
    const wakeUps = new WakeUps(database, session, pollMs, logger)
    const attempts = new HeldAttempts()
    this.parts = { database, wakeUps, attempts, processId }
    this.#onClose = onClose
    this.runs = new PostgresRunStore({ database, wakeUps, attempts, worker: processId, batchMs })
    this.threads = new PostgresThreadStore(database, limits.threads)
    this.approvals = new PostgresApprovalStore(database, wakeUps, attempts, limits.approvals)
    this.idempotency = new PostgresIdempotencyStore(database, limits.idempotency)
    this.ledger = new PostgresLedgerStore(database, attempts)
    this.audit = new PostgresAuditStore(database)
    this.system = new PostgresSystemStore(database, wakeUps)
  }

  /** Where it is: on a server, or in this process. */
  get kind(): 'postgres' | 'pglite' {
    return this.parts.database.kind
  }

  /** Releases the connections, and the data directory. Closing again waits for the first. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    await this.parts.wakeUps.close()
    await this.#onClose?.()
    await this.parts.database.close()
  }
}
