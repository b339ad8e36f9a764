import { checkFunction } from '../internal/argument.ts'
import { runOutside } from '../scope/run-outside.ts'
import {
  boundTaskQueue,
  type BoundTaskQueue,
  type TaskOfQueue,
  type TaskWorker,
} from './bound-task-queue.ts'

/** The part of a queue of `fastq.promise` that is used here. */
export interface FastqLike {
  push(task: TaskOfQueue): PromiseLike<unknown>
  unshift(task: TaskOfQueue): PromiseLike<unknown>
}

/**
 * Binds fastq: on its own it calls the worker as whoever's task ended before. `create` makes the queue with the
 * worker that it is given, in no scope; `worker` does each task as the user who pushed it.
 *
 * @example
 * const queue = bindFastq((run) => fastq.promise(run, 1), (name: string) => report(name))
 * await queue.push('costs')
 */
export function bindFastq<Task, Result, Queue extends FastqLike>(
  create: (run: (task: TaskOfQueue) => Promise<void>) => Queue,
  worker: TaskWorker<Task, Result>,
  label: string = 'a task of fastq',
): BoundTaskQueue<Task, Result, Queue> {
  checkFunction('bindFastq()', 'create', create)
  checkFunction('bindFastq()', 'worker', worker)
  const queue = runOutside(() => create((task) => task()))
  return boundTaskQueue(label, queue, worker, {
    push: (task) => queue.push(task),
    unshift: (task) => queue.unshift(task),
    // fastq's own ways to empty a queue drop its `drain` too; what was taken back is refused in its turn.
    clear: () => undefined,
  })
}
