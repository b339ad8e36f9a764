import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { limitCallback, waitForCallback } from './callback-wait.ts'
import { end } from './close.ts'
import { InsideTask } from './inside-task.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

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
  if (state.parent !== undefined) return executeInside(state, state.parent, callback)
  const ended = begin(state, callback)
  const promise = isRunning(state)
    ? new Promise<unknown>((resolve) => (state.settle = resolve))
    : Promise.resolve(ended)
  // What ends a scope hands on what its callback returned.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return promise as Promise<Result>
}

function executeInside<Result>(
  state: ScopeState,
  parent: ScopeState,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  const inside = new InsideTask(parent, state)
  const ended = begin(state, callback)
  if (isRunning(state)) state.settle = (result) => inside.settle(result)
  else inside.settle(ended)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return inside.task as Task<Result>
}

function isRunning({ callbackEnded }: ScopeState): boolean {
  return callbackEnded !== undefined
}

/** Starts the callback. Gives back how the scope ended, unless it is running now. */
function begin(state: ScopeState, callback: (scope: Scope) => unknown): unknown {
  // Aborted before it began: nothing of it runs.
  if (state.aborted) return end(state, { ok: false, error: state.reason })
  let value: unknown
  try {
    value = runtime().storage.run(state.frame, call, callback, state)
  } catch (error) {
    return end(state, { ok: false, error })
  }
  if (!isRunning(state)) return end(state, { ok: true, value })
  if (state.aborted) limitCallback(state)
  return undefined
}

/** In the scope's frame also where the callback returned a thenable: a query builder starts when it is awaited. */
function call(callback: (scope: Scope) => unknown, state: ScopeState): unknown {
  const result = callback(state.scope)
  if (!isThenable(result)) return result
  waitForCallback(state, Promise.resolve(result))
  return undefined
}
