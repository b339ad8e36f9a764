import { checkMethods } from '../internal/argument.ts'
import { bindQueue } from './bind-queue.ts'
import type { Job } from './queued-job.ts'

/** What p-queue gives to a job: its signal, where it has one. */
export interface PQueueJobOptions {
  readonly signal?: AbortSignal | undefined
}

/** The part of a p-queue that is used here. */
export interface PQueueLike<Options extends object> {
  add<Result>(
    job: (options: PQueueJobOptions) => PromiseLike<Result>,
    options?: Options,
  ): PromiseLike<Result>
  clear(): void
}

/** A p-queue in which every job runs as the user who added it. */
export interface BoundPQueue<Options extends object> {
  /**
   * `add` of p-queue; see `BoundQueue` for what is added to it. The job of a user who has left keeps its place and is
   * refused in its turn. With the option `signal: currentScope().signal` p-queue drops it at once; but then it
   * also stops waiting for a job that has started, and starts the next one beside it.
   */
  add<Result>(job: Job<[options: PQueueJobOptions], Result>, options?: Options): Promise<Result>
  /** `add` for several jobs at once. */
  addAll<Result>(
    jobs: readonly Job<[options: PQueueJobOptions], Result>[],
    options?: Options,
  ): Promise<Result[]>
  /** `clear` of p-queue; the promises of the removed jobs reject with an `AbortError`. */
  clear(): void
}

/**
 * Binds a p-queue. Up to version 9 it runs a waiting job as whoever's job ended before it; from version 10 on
 * it keeps the caller's context, but runs the jobs of users who have left.
 *
 * @example
 * const queue = bindPQueue(new PQueue({ concurrency: 2 }))
 * await queue.add(() => report(users.current().userId))
 */
export function bindPQueue<Options extends object>(
  queue: PQueueLike<Options>,
  label: string = 'a job of p-queue',
): BoundPQueue<Options> {
  checkMethods('bindPQueue()', 'queue', queue, ['add', 'clear'])
  const bound = bindQueue<[PQueueJobOptions], [Options | undefined]>(label, (job, options) =>
    queue.add(job, options),
  )

  function add<Result>(
    job: Job<[options: PQueueJobOptions], Result>,
    options?: Options,
  ): Promise<Result> {
    return bound.add(job, options)
  }

  return Object.freeze({
    add,
    addAll: <Result>(
      jobs: readonly Job<[options: PQueueJobOptions], Result>[],
      options?: Options,
    ) => Promise.all(jobs.map((job) => add(job, options))),
    clear(): void {
      bound.clear()
      queue.clear()
    },
  })
}
