import { ArgumentError } from '../argument-error.ts'
import { publishScope } from '../diagnostics/publish.ts'
import { checkFunction, checkObject, checkString } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeClosing } from '../internal/violation.ts'
import { abortScope } from './abort.ts'
import { execute } from './execute.ts'
import { openState } from './open.ts'
import { isRevoked, revocation } from './revoke.ts'
import type { DetachOptions, Scope, ScopeOptions } from './scope.ts'
import { refuseInSync } from './spawn.ts'

/** Runs work in a root scope of the same owner: it outlives the scope that started it, not its own deadline. */
export function detach<Result>(
  state: ScopeState,
  label: string,
  options: DetachOptions,
  work: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  checkString('detach()', 'label', label)
  checkObject('detach()', 'options', options)
  checkFunction('detach()', 'work', work)
  if (state.lifecycle === 'closing') throw scopeClosing(state, `detach "${label}"`)
  refuseInSync(state, `detach "${label}"`)
  const { context: additions, ...scopeOptions } = options
  if (scopeOptions.deadlineMs === undefined) {
    throw new ArgumentError(
      `Expected \`deadlineMs\` of detach "${label}" to be set: nothing else would end it. Infinity says so on purpose`,
    )
  }
  const { definition, onOrphan } = state
  const inherited: ScopeOptions = onOrphan === undefined ? {} : { onOrphan }
  const context =
    additions === undefined ? state.context : definition.extend(state.context, additions)
  const rooted = { ...inherited, ...scopeOptions, label }
  const { channels, revoked, storage } = runtime()
  const variables = storage.getStore()?.variables
  const detached = openState(definition, context, undefined, rooted, false, variables)
  // Nothing of it runs: work that is detached would survive the revocation.
  if (isRevoked(state)) {
    revoked.add(detached)
    abortScope(detached, revocation())
  }
  if (channels?.detach.hasSubscribers === true) publishScope(channels.detach, detached)
  const promise = execute(detached, work)
  // Nobody is obliged to await detached work; its failure must not end the process.
  promise.catch(() => undefined)
  return promise
}
