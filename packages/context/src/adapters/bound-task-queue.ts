import { currentScope } from '../scope/current-scope.ts'
import { bindQueue } from './bind-queue.ts'

/** What the library's own queue is given to run: calling it does the task as its owner. */
export type TaskOfQueue = () => Promise<void>

/** Does one task, as the user who pushed it. */
export type TaskWorker<Task, Result> = (
  task: Task,
  signal: AbortSignal,
) => Result | PromiseLike<Result>

/** A queue of tasks for one worker function, which does each as the user who pushed it. */
export interface BoundTaskQueue<Task, Result, Queue> {
  /** The library's queue, to pause, to watch, to tune. What is pushed to it directly is nobody's. */
  readonly queue: Queue
  /** Puts a task at the end; see `BoundQueue` for what is promised. */
  push(task: Task): Promise<Result>
  /** Puts a task in front. */
  unshift(task: Task): Promise<Result>
  /** Takes back every task that has not started; their promises reject with an `AbortError`. */
  clear(): void
}

/** The ways into the library's queue. */
export interface TaskDoors {
  push(task: TaskOfQueue): PromiseLike<unknown>
  unshift(task: TaskOfQueue): PromiseLike<unknown>
  clear(): void
}

export function boundTaskQueue<Task, Result, Queue>(
  label: string,
  queue: Queue,
  worker: TaskWorker<Task, Result>,
  doors: TaskDoors,
): BoundTaskQueue<Task, Result, Queue> {
  const back = bindQueue(label, (job) => resultOf(job, (task) => doors.push(task)))
  const front = bindQueue(label, (job) => resultOf(job, (task) => doors.unshift(task)))
  const job = (task: Task) => (): Result | PromiseLike<Result> =>
    worker(task, currentScope().signal)
  return Object.freeze({
    queue,
    push: (task: Task) => back.add(job(task)),
    unshift: (task: Task) => front.add(job(task)),
    clear(): void {
      back.clear()
      front.clear()
      doors.clear()
    },
  })
}

/** The job's own result, and the queue's errors: not every queue types its results, or tells every error. */
async function resultOf<Result>(
  job: () => Promise<Result>,
  enqueue: (task: TaskOfQueue) => PromiseLike<unknown>,
): Promise<Result> {
  let done: { readonly result: Result } | undefined
  await enqueue(async () => {
    done = { result: await job() }
  })
  if (done !== undefined) return done.result
  throw new Error('The queue reported a task as done that had not succeeded')
}
