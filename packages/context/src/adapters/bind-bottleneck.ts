import { checkMethods } from '../internal/argument.ts'
import { bindQueue } from './bind-queue.ts'
import type { Job } from './queued-job.ts'

/** What a job of Bottleneck can be given. */
export interface BottleneckJobOptions {
  readonly priority?: number
  readonly weight?: number
  readonly expiration?: number
  readonly id?: string
}

/** The part of a Bottleneck limiter that is used here. */
export interface BottleneckLike {
  schedule<Result>(
    options: BottleneckJobOptions,
    job: () => PromiseLike<Result>,
  ): PromiseLike<Result>
}

/** A Bottleneck limiter in which every job runs as the user who scheduled it. */
export interface BoundBottleneck {
  /** `schedule` of Bottleneck; see `BoundQueue` for what is added to it. */
  schedule<Result>(job: Job<[], Result>): Promise<Result>
  schedule<Result>(options: BottleneckJobOptions, job: Job<[], Result>): Promise<Result>
  /** `wrap` of Bottleneck: a function whose calls are scheduled, each as its caller. */
  wrap<Parameters extends unknown[], Result>(
    job: Job<Parameters, Result>,
  ): (...parameters: Parameters) => Promise<Result>
}

/**
 * Binds a Bottleneck limiter: on its own it runs a waiting job as whoever's job ended before it. A retry that
 * a `failed` listener asks for runs as the job's user too.
 *
 * @example
 * const limiter = bindBottleneck(new Bottleneck({ maxConcurrent: 1 }))
 * await limiter.schedule(() => report(users.current().userId))
 */
export function bindBottleneck(
  limiter: BottleneckLike,
  label: string = 'a job of Bottleneck',
): BoundBottleneck {
  checkMethods('bindBottleneck()', 'limiter', limiter, ['schedule'])
  const bound = bindQueue<[], [BottleneckJobOptions]>(label, (job, options) =>
    limiter.schedule(options, job),
  )

  function schedule<Result>(
    ...given: [Job<[], Result>] | [BottleneckJobOptions, Job<[], Result>]
  ): Promise<Result> {
    const [options, job] = given.length === 1 ? [{}, given[0]] : given
    return bound.add(job, options)
  }

  return Object.freeze({
    schedule,
    wrap:
      <Parameters extends unknown[], Result>(job: Job<Parameters, Result>) =>
      (...parameters: Parameters) =>
        bound.add(() => job(...parameters), {}),
  })
}
