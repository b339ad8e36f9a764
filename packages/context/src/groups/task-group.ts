import { ArgumentError } from '../argument-error.ts'
import { checkFunction, checkObject, checkString } from '../internal/argument.ts'
import { currentScope } from '../scope/current-scope.ts'
import type { Scope, ScopeOptions } from '../scope/scope.ts'

/**
 * Tasks that belong together: each in a scope of its own inside the group's, all ended when the group is.
 * What `race`, `all` and `any` decide early aborts the rest; a loser that ignores its signal is fenced.
 */
export interface TaskGroup<Result> {
  /** Starts a task. Its signal aborts when the group has decided, fails, or is aborted. */
  spawn(label: string, work: (signal: AbortSignal) => Result | PromiseLike<Result>): Promise<Result>
  /** The outcome of the first task to end, whichever way. */
  race(): Promise<Result>
  /** The result of the first task to succeed; an AggregateError where none does. */
  any(): Promise<Result>
  /** All results, in the order in which the tasks were started; the first failure ends the group. */
  all(): Promise<Result[]>
  /** How each task ended, in the order in which they were started. Nothing is aborted. */
  settle(): Promise<PromiseSettledResult<Result>[]>
}

/** A group's close budget is its losers' time to stop: short, because somebody waits for the winner. */
const defaultBudgetMs = 1_000

/**
 * Opens a group of tasks in the current scope. When the callback has its answer, what still runs is aborted,
 * and waited for within the close budget (1,000 ms unless told otherwise); then it is fenced and reported.
 * Rejects with what the callback throws, and with the failure of a task that nobody looked at.
 *
 * @example
 * const rows = await taskGroup<Row[]>('load', (group) => {
 *   group.spawn('cache', readCache)
 *   group.spawn('database', readDatabase)
 *   return group.any()
 * })
 */
export function taskGroup<Task, Result = Task>(
  label: string,
  callback: (group: TaskGroup<Task>) => Result | PromiseLike<Result>,
  options: Omit<ScopeOptions, 'label'> = {},
): Promise<Result> {
  checkString('taskGroup()', 'label', label)
  checkFunction('taskGroup()', 'callback', callback)
  checkObject('taskGroup()', 'options', options)
  return currentScope().child(
    {},
    { closeBudgetMs: defaultBudgetMs, ...options, label },
    async (scope) => {
      const result = await callback(createGroup<Task>(scope))
      scope.abort(new DOMException('The group has its answer', 'AbortError'))
      return result
    },
  )
}

function createGroup<Result>(scope: Scope): TaskGroup<Result> {
  const tasks: Promise<Result>[] = []

  function started(): readonly Promise<Result>[] {
    if (tasks.length > 0) return tasks
    throw new ArgumentError(
      'Expected the group to have a task: spawn() one first, or this would never end',
    )
  }

  return Object.freeze<TaskGroup<Result>>({
    spawn: (label, work) => {
      checkString('spawn() of a group', 'label', label)
      checkFunction('spawn() of a group', 'work', work)
      const task = scope.child({}, { label }, (own) => work(own.signal))
      tasks.push(task)
      return task
    },
    race: async () => Promise.race(started()),
    any: async () => Promise.any(started()),
    all: async () => Promise.all(started()),
    settle: async () => Promise.allSettled(started()),
  })
}
