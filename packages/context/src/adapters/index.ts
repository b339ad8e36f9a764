// Any queue at all.
export { bindQueue, type BoundQueue, type Submit } from './bind-queue.ts'
export type { Job } from './queued-job.ts'

// Queues and limiters.
export { bindAsyncQueue, type AsyncQueueLike, type AsyncQueueRun } from './bind-async-queue.ts'
export {
  bindBottleneck,
  type BottleneckJobOptions,
  type BottleneckLike,
  type BoundBottleneck,
} from './bind-bottleneck.ts'
export { bindFastq, type FastqLike } from './bind-fastq.ts'
export {
  bindPQueue,
  type BoundPQueue,
  type PQueueJobOptions,
  type PQueueLike,
} from './bind-p-queue.ts'
export type { BoundTaskQueue, TaskOfQueue, TaskWorker } from './bound-task-queue.ts'

// Loaders and caches.
export {
  bindDataLoader,
  type BatchLoad,
  type BoundDataLoader,
  type DataLoaderLike,
} from './bind-data-loader.ts'
export {
  bindLRUCache,
  type BindLRUCacheOptions,
  type BoundLRUCache,
  type LRUCacheLike,
  type LRUFetch,
  type LRUFetchOptions,
} from './bind-lru-cache.ts'

// Pools and connections.
export { bindDispatch, type Dispatch } from './bind-dispatch.ts'
export { bindPool, type BoundPool, type PoolFactory, type PoolLike } from './bind-pool.ts'
