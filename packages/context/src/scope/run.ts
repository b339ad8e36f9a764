import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { suppress } from '../internal/suppressed-error.ts'
import { crossOwner, describe, nameScope, violation } from '../internal/violation.ts'
import { sameOwner } from '../ownership/owner.ts'
import type { ContextDefinition } from '../user-context/user-context.ts'
import { closeNow, type Outcome } from './close.ts'
import { execute } from './execute.ts'
import { openState } from './open.ts'
import type { Scope, ScopeOptions } from './scope.ts'

/** Opens a scope through the definition's schema and runs the callback in it. Never throws: it rejects. */
export function openRun<Result>(
  definition: ContextDefinition,
  input: unknown,
  options: ScopeOptions,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  try {
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
  const state = admit(definition, input, {}, true)
  let outcome: Outcome<Result>
  try {
    const value = runtime().storage.run(state.frame, callback, state.scope)
    outcome = isThenable(value)
      ? { ok: false, error: synchronousOnly(state, 'callback') }
      : { ok: true, value }
  } catch (error) {
    outcome = { ok: false, error }
  }
  return closeNow(state, cleanUpNow(state, outcome))
}

function cleanUpNow<Result>(state: ScopeState, before: Outcome<Result>): Outcome<Result> {
  let outcome = before
  state.lifecycle = 'closing'
  for (const cleanup of state.cleanups?.toReversed() ?? []) {
    try {
      const { signal } = new AbortController()
      const done: unknown = runtime().storage.run(state.frame, () => cleanup(signal))
      if (isThenable(done)) throw synchronousOnly(state, 'cleanup')
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
  options: ScopeOptions,
  synchronous: boolean,
): ScopeState {
  const process = runtime()
  const surrounding = process.storage.getStore()?.cell?.state
  const context = definition.parse(
    input,
    () => `${process.idPrefix}-r${(process.sequence + 1).toString(36)}`,
  )
  if (surrounding !== undefined && !sameOwner(surrounding.owner, context)) {
    throw crossOwner(
      surrounding,
      `open a scope of "${definition.name}" for another owner`,
      'The owner never changes inside a scope: open the other scope outside this one, ' +
        'and create what is shared (servers, pools, timers) with runOutside().',
    )
  }
  return openState({ definition, context, parent: surrounding, options, synchronous })
}

function synchronousOnly(state: ScopeState, what: string): Error {
  return violation(
    'SYNC_SCOPE',
    `The ${what} of ${nameScope(state.cell)} returned a promise, and runSync() does not wait. Use run().`,
    describe(state),
  )
}
