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
