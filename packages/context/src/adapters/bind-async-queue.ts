import { checkFunction } from '../internal/argument.ts'
import { runOutside } from '../scope/run-outside.ts'
import {
  boundTaskQueue,
  type BoundTaskQueue,
  type TaskOfQueue,
  type TaskWorker,
} from './bound-task-queue.ts'

/** The part of a queue of the `async` package that is used here. */
export interface AsyncQueueLike {
  pushAsync(task: TaskOfQueue): PromiseLike<unknown>
  unshiftAsync(task: TaskOfQueue): PromiseLike<unknown>
  remove(filter: () => boolean): void
}

/** What `async.queue` is made with: runs a task and calls back when it is done. */
export type AsyncQueueRun = (task: TaskOfQueue, callback: (error?: Error | null) => void) => void

/**
 * Binds a queue of the `async` package: on its own it calls the worker as whoever's task ended before. `create`
 * makes the queue with the worker that it is given, in no scope; `worker` does each task as the user who
 * pushed it.
 *
 * @example
 * const queue = bindAsyncQueue((run) => async.queue(run, 1), (name: string) => report(name))
 * await queue.push('costs')
 */
export function bindAsyncQueue<Task, Result, Queue extends AsyncQueueLike>(
  create: (run: AsyncQueueRun) => Queue,
  worker: TaskWorker<Task, Result>,
  label: string = 'a task of async.queue',
): BoundTaskQueue<Task, Result, Queue> {
  checkFunction('bindAsyncQueue()', 'create', create)
  checkFunction('bindAsyncQueue()', 'worker', worker)
  const queue = runOutside(() =>
    create((task, callback) => {
      // With a callback and not as an async function, which `async` tells by how it was compiled.
      task().then(
        () => callback(),
        (error: Error) => callback(error),
      )
    }),
  )
  return boundTaskQueue(label, queue, worker, {
    push: (task) => queue.pushAsync(task),
    unshift: (task) => queue.unshiftAsync(task),
    clear: () => queue.remove(() => true),
  })
}
