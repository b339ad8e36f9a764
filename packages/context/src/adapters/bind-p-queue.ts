import { currentScope } from '../scope/current-scope.ts'
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
    options?: Options & PQueueJobOptions,
  ): PromiseLike<Result>
  clear(): void
}

/** A p-queue in which every job runs as the user who added it. */
export interface BoundPQueue<Options extends object> {
  /**
   * `add` of p-queue; see `BoundQueue` for what is added to it. The job's signal, unless one is given, is its
   * scope's: p-queue drops a waiting job when its user leaves, before it costs a place in an interval.
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
  const bound = bindQueue<[PQueueJobOptions], [Options & PQueueJobOptions]>(label, (job, options) =>
    queue.add(job, options),
  )

  function add<Result>(
    job: Job<[options: PQueueJobOptions], Result>,
    options?: Options,
  ): Promise<Result> {
    const { signal } = currentScope()
    // A spread of a generic type and its own parts.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return bound.add(job, { signal, ...options } as Options & PQueueJobOptions)
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
