import { checkFunction, checkString } from '../internal/argument.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'
import { QueuedJob, type Job } from './queued-job.ts'

/** Hands a job to somebody else's queue, and settles when the queue says that it is done. */
export type Submit<Parameters extends unknown[], Options extends unknown[]> = <Result>(
  job: (...parameters: Parameters) => Promise<Result>,
  ...options: Options
) => PromiseLike<Result>

/** A queue that all users share and in which every job runs as the user who added it. */
export interface BoundQueue<Parameters extends unknown[], Options extends unknown[]> {
  /**
   * Queues a job. It runs in the scope that is current now (I7), whoever's job ended before it, and that scope
   * waits for it before it closes. The queue's own result and errors pass through.
   *
   * When the scope aborts before the job's turn, the promise rejects with the abort's reason at once, and the
   * job is refused with `SCOPE_CLOSED` when its turn comes: nothing of it runs, and the queue goes on. A job
   * that has started hears of the abort through its scope's signal. Throws `NO_SCOPE`, `SCOPE_CLOSED`,
   * `SCOPE_CLOSING`, `SYNC_SCOPE`.
   */
  add<Result>(job: Job<Parameters, Result>, ...options: Options): Promise<Result>
  /** Takes back every job that has not started; their promises reject with an `AbortError`. */
  clear(): void
}

/**
 * Makes any queue, limiter or pool of workers safe to share. `submit` hands one job to it; it runs in no scope, and
 * so do the queue's own timers and listeners. `label` names the jobs in errors; no user data in it.
 *
 * @example
 * const mail = bindQueue('send mail', (job) => limiter.schedule(job))
 * await mail.add(() => send(users.current().userId))
 */
export function bindQueue<Parameters extends unknown[] = [], Options extends unknown[] = []>(
  label: string,
  submit: Submit<Parameters, Options>,
): BoundQueue<Parameters, Options> {
  checkString('bindQueue()', 'label', label)
  checkFunction('bindQueue()', 'submit', submit)
  const waiting = new Set<QueuedJob<never, unknown>>()

  function add<Result>(job: Job<Parameters, Result>, ...options: Options): Promise<Result> {
    checkFunction(`add() of "${label}"`, 'job', job)
    return currentScope().spawn(label, async (signal) =>
      new QueuedJob(label, job, waiting).enqueue(signal, (start) =>
        runOutside(() => submit(start, ...options)),
      ),
    )
  }

  function clear(): void {
    for (const job of waiting) {
      job.withdraw(new DOMException('The queue was cleared', 'AbortError'), true)
    }
  }

  return Object.freeze({ add, clear })
}
