// The durable store: PostgreSQL, or PGlite in a folder.
export { openPostgresStore, type PostgresStoreOptions } from './open-postgres-store.ts'
export { PostgresStore, type PostgresStoreLimits } from './store/postgres-store.ts'
export type { PostgresApprovalStoreLimits } from './store/postgres-approval-store.ts'
export type { PostgresIdempotencyStoreLimits } from './store/postgres-idempotency-store.ts'
export type { PostgresThreadStoreOptions } from './store/postgres-thread-store.ts'
export type { PostgresThreadStoreLimits } from './store/thread-room.ts'
export { postgresSetup } from './schema/setup.ts'

// Runs that any of several processes may execute.
export {
  openRunQueue,
  PostgresRunQueue,
  type RunQueueOptions,
  type WorkOptions,
} from './queue/postgres-run-queue.ts'
export type { RunWorker } from './queue/run-worker.ts'

// Keeping no longer than wanted.
export { applyRetention, type Retention, type Retired } from './recovery/retention.ts'

// Transactions of the application, as the current scope's owner.
export {
  withOwner,
  type OwnerSource,
  type OwnerStatement,
  type WithOwnerOptions,
} from './owner-transactions/with-owner.ts'
export {
  fromPool,
  type ConnectionPool,
  type PoolConnection,
} from './owner-transactions/from-pool.ts'
export {
  fromDrizzle,
  type DrizzleDatabase,
  type DrizzleSql,
} from './owner-transactions/from-drizzle.ts'
export {
  fromKysely,
  type KyselyDatabase,
  type KyselyQuery,
} from './owner-transactions/from-kysely.ts'
export {
  createOwnerTokens,
  ownerTokenSetup,
  type OwnerTokenOptions,
  type OwnerTokens,
} from './owner-transactions/owner-tokens.ts'
