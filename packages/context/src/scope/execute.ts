import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { CallbackWait } from './callback-wait.ts'
import { settle } from './close.ts'
import { addFailure, addScope } from './pending.ts'
import type { Scope } from './scope.ts'
import { openPromise, openTask, type Settlement } from './settlement.ts'

/**
 * Runs the callback in an opened scope and closes the scope behind it, however it ends.
 *
 * An error holds the functions on its stack until somebody reads it. So where the program is called, here and
 * in the other files, no function stands on the stack that was made where the state can be reached (I5).
 */
export function execute<Result>(
  state: ScopeState,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  const { parent } = state
  if (parent === undefined) {
    const [promise, settlement] = openPromise<Result>()
    perform(state, callback, settlement)
    return promise
  }
  const [task, { resolve, reject }] = openTask<Result>()
  // Pending before the callback runs, so that an abort in its first synchronous part reaches it.
  const leave = addScope(parent, state)
  perform(state, callback, {
    resolve: (value) => {
      leave()
      resolve(value)
    },
    reject: (error) => {
      addFailure(parent, error, task)
      leave()
      // The parent has heard of it; the process need not.
      void task.ended(() => undefined)
      reject(error)
    },
  })
  return task
}

function perform<Result>(
  state: ScopeState,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
  settlement: Settlement<Result>,
): void {
  // Aborted before it began: nothing of it runs.
  if (state.aborted) return settle(state, { ok: false, error: state.reason }, settlement)
  let body: Result | Promise<Result>
  try {
    body = runtime().storage.run(state.frame, begin<Result>, callback, state.scope)
  } catch (error) {
    return settle(state, { ok: false, error }, settlement)
  }
  if (!(body instanceof Promise)) return settle(state, { ok: true, value: body }, settlement)
  CallbackWait.begin(state, body, settlement)
}

/** In the scope's frame also where the callback returned a thenable: a query builder starts when it is awaited. */
function begin<Result>(
  callback: (scope: Scope) => Result | PromiseLike<Result>,
  scope: Scope,
): Result | Promise<Result> {
  const result = callback(scope)
  return isThenable(result) ? Promise.resolve(result) : result
}
