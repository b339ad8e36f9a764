import { checkFunction } from '../internal/argument.ts'
import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { suppress } from '../internal/suppressed-error.ts'
import { crossOwner, describe, nameScope, violation } from '../internal/violation.ts'
import { sameOwner } from '../ownership/owner.ts'
import type { ContextDefinition } from '../user-context/user-context.ts'
import { callCleanup } from './cleanup.ts'
import { beginClosing, closeNow, type Outcome } from './close.ts'
import { execute } from './execute.ts'
import { openState } from './open.ts'
import { addScope, leaveScope } from './pending.ts'
import type { Scope, ScopeOptions } from './scope.ts'

/** Opens a scope through the definition's schema and runs the callback in it. Never throws: it rejects. */
export function openRun<Result>(
  definition: ContextDefinition,
  input: unknown,
  options: ScopeOptions | undefined,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  try {
    checkFunction('run()', 'callback', callback)
    return execute(admit(definition, input, options, false), callback)
  } catch (error) {
    return Promise.reject(error)
  }
}

export function openRunSync<Result>(
  definition: ContextDefinition,
  input: unknown,
  callback: (scope: Scope) => Result,
): Result {
  checkFunction('runSync()', 'callback', callback)
  const state = admit(definition, input, undefined, true)
  // So that an abort of the surrounding scope reaches this one; nobody ever waits for it.
  const { parent } = state
  const pending = parent === undefined ? undefined : addScope(parent, state)
  try {
    const outcome = cleanUpNow(state, executeNow(state, callback))
    closeNow(state, outcome)
    if (outcome.ok) return outcome.value
    throw outcome.error
  } finally {
    if (parent !== undefined && pending !== undefined) leaveScope(parent, pending)
  }
}

function executeNow<Result>(
  state: ScopeState,
  callback: (scope: Scope) => Result,
): Outcome<Result> {
  // Aborted before it began: nothing of it runs.
  if (state.aborted) return { ok: false, error: state.reason }
  try {
    const value = runtime().storage.run(state.frame, callback, state.scope)
    if (isThenable(value)) throw synchronousOnly(state, 'callback', value)
    return { ok: true, value }
  } catch (error) {
    return { ok: false, error }
  }
}

function cleanUpNow<Result>(state: ScopeState, before: Outcome<Result>): Outcome<Result> {
  const cleanups = state.parts?.cleanups
  if (cleanups === undefined) return before
  let outcome = before
  beginClosing(state, outcome)
  for (const cleanup of [...cleanups].toReversed()) {
    if (!cleanups.delete(cleanup)) continue
    try {
      const done = runtime().storage.run(state.frame, callCleanup, cleanup, new AbortController())
      if (isThenable(done)) throw synchronousOnly(state, 'cleanup', done)
    } catch (error) {
      outcome = { ok: false, error: outcome.ok ? error : suppress(error, outcome.error) }
    }
  }
  return outcome
}

/** Parses the context, and refuses another owner's inside an open scope (I3). */
function admit(
  definition: ContextDefinition,
  input: unknown,
  options: ScopeOptions | undefined,
  synchronous: boolean,
): ScopeState {
  const process = runtime()
  const here = process.storage.getStore()
  const surrounding = here?.cell?.state
  const context = definition.parse(input, nextRequestId)
  if (surrounding !== undefined && !sameOwner(surrounding.context, context)) {
    throw crossOwner(
      surrounding,
      `open a scope of "${definition.name}" for another owner`,
      'The owner never changes inside a scope: open the other scope outside this one, ' +
        'and create what is shared (servers, pools, timers) with runOutside().',
    )
  }
  return openState(definition, context, surrounding, options, synchronous, here?.variables)
}

function nextRequestId(): string {
  const { idPrefix, sequence } = runtime()
  return `${idPrefix}-r${(sequence + 1).toString(36)}`
}

function synchronousOnly(state: ScopeState, what: string, returned: unknown): Error {
  // The error below says what is wrong; that the promise also fails, fenced, must not end the process.
  if (returned instanceof Promise) returned.catch(() => undefined)
  return violation(
    'SYNC_SCOPE',
    `The ${what} of ${nameScope(state.cell)} returned a promise, and runSync() does not wait. Use run().`,
    describe(state),
  )
}
