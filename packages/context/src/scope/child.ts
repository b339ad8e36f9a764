import { checkFunction, checkObject } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { describe, scopeClosing, stateOf, violation } from '../internal/violation.ts'
import type { ContextAdditions, ContextDefinition } from '../user-context/user-context.ts'
import { execute } from './execute.ts'
import { openState } from './open.ts'
import type { Scope, ScopeOptions } from './scope.ts'

/** Opens a child of the current scope, which `definition` must have opened. */
export function openChild<Result>(
  additions: ContextAdditions,
  options: ScopeOptions | undefined,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
  definition: ContextDefinition,
): Promise<Result> {
  try {
    checkFunction('child()', 'callback', callback)
    const parent = stateOf(runtime().storage.getStore(), 'open a child scope')
    if (parent.definition !== definition) {
      throw violation(
        'CONTEXT_MISMATCH',
        `Cannot open a child of "${definition.name}" here: the current scope was opened by "${parent.definition.name}".`,
        describe(parent),
      )
    }
    return openChildOf(parent, additions, options, callback)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Opens a child of a given scope. */
export function openChildOf<Result>(
  parent: ScopeState,
  additions: ContextAdditions,
  options: ScopeOptions | undefined,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  try {
    checkObject('child()', 'additions', additions)
    checkFunction('child()', 'callback', callback)
    if (parent.lifecycle === 'closing') throw scopeClosing(parent, 'open a child scope')
    const { definition } = parent
    const context = definition.extend(parent.context, additions)
    const variables = runtime().storage.getStore()?.variables
    return execute(openState(definition, context, parent, options, false, variables), callback)
  } catch (error) {
    return Promise.reject(error)
  }
}
