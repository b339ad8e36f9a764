import { ContextError } from '../errors.ts'
import { checkFunction, checkOptionalFunction, checkOptions } from '../internal/argument.ts'
import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeClosing, stateOf } from '../internal/violation.ts'
import { runOutside } from '../scope/run-outside.ts'
import type { Scope } from '../scope/scope.ts'
import { disposalOf, type Dispose } from './dispose.ts'
import { ownObject } from './own-object.ts'

/** How a scope's own value is made and let go of. */
export interface PerScopeOptions<Value> {
  /** Names the value in errors. Default: the name of the factory. No user data in it. */
  readonly label?: string
  /**
   * Lets go of the value when its scope closes. Default: the value's own `Symbol.asyncDispose` or
   * `Symbol.dispose`, if it has one.
   */
  readonly dispose?: Dispose<Value>
}

interface Made<Value> {
  readonly value: Value | Promise<Value>
  /** Set when its cleanup began: the value is there no more, and must not be made again. */
  disposed: boolean
}

/**
 * A function that returns the current scope's own value: made by `factory` on first use, the same one
 * afterwards, let go of when the scope closes, in the reverse order of making (I4). Every scope has its own,
 * a child scope too. For connections, transactions, loaders: what must not be shared between users and costs
 * too much to make for nobody.
 *
 * The value is owned by its scope (I6). An asynchronous factory runs once for all who wait, the scope waits for
 * it, and a failure is not kept: the next use tries again. The returned function throws `NO_SCOPE`,
 * `SCOPE_CLOSED`, `SYNC_SCOPE` (an asynchronous factory in a `runSync` scope), `CROSS_OWNER` (the factory
 * returned what is somebody else's) and, for a value that is disposed or was never made, `SCOPE_CLOSING`.
 *
 * @example
 * const transaction = perScope(() => database.begin(), { dispose: (open) => open.rollback() })
 */
export function perScope<Value>(
  factory: (scope: Scope) => PromiseLike<Value>,
  options?: PerScopeOptions<Value>,
): () => Promise<Value>
export function perScope<Value>(
  factory: (scope: Scope) => Value,
  options?: PerScopeOptions<Value>,
): () => Value
export function perScope<Value>(
  factory: (scope: Scope) => Value | PromiseLike<Value>,
  options: PerScopeOptions<Value> = {},
): () => Value | Promise<Value> {
  checkFunction('perScope()', 'factory', factory)
  checkOptions('perScope()', 'options', options, { label: true, dispose: true })
  checkOptionalFunction('perScope()', 'dispose', options.dispose)
  const { label = factory.name === '' ? 'a value of this scope' : factory.name, dispose } = options
  // By state and not by cell: a cell may live as long as a forgotten timer, the state goes at close (I5).
  const values = new WeakMap<ScopeState, Made<Value>>()

  return () => {
    const state = stateOf(runtime().storage.getStore(), `use "${label}"`)
    const made = values.get(state)
    if (made !== undefined && !made.disposed) return made.value
    if (made !== undefined || state.lifecycle === 'closing') {
      throw scopeClosing(state, `make "${label}"`)
    }
    const result = factory(state.scope)
    const entry: Made<Value> = isThenable(result)
      ? { value: makeLater(state.scope, result), disposed: false }
      : { value: result, disposed: false }
    if (!isThenable(result)) keep(state.scope, result)
    values.set(state, entry)
    return entry.value
  }

  function makeLater(scope: Scope, result: PromiseLike<Value>): Promise<Value> {
    const pending = Promise.resolve(result)
    try {
      return scope.spawn(label, () => finish(scope, pending))
    } catch (error) {
      // Nobody will have it.
      pending.then(discard, () => undefined)
      throw error
    }
  }

  // The factory may never end. So what waits for it holds the scope, which ends in the cell, not its state (I5).
  async function finish(scope: Scope, pending: Promise<Value>): Promise<Value> {
    try {
      const value = await pending
      keep(scope, value)
      return value
    } catch (error) {
      const state = runtime().storage.getStore()?.cell?.state
      if (state !== undefined) values.delete(state)
      throw error
    }
  }

  /** Registered when the value is there: what its factory used was there before, and goes after it. */
  function keep(scope: Scope, value: Value): void {
    try {
      ownObject(value, { scope: true })
      const disposal = disposalOf(value, dispose)
      if (disposal !== undefined) scope.defer(() => disposeOf(disposal))
    } catch (error) {
      // Too late to be anybody's: the scope has given up waiting for it. Unless it is somebody else's.
      if (!ContextError.is(error) || error.code !== 'CROSS_OWNER') discard(value)
      throw error
    }
  }

  function disposeOf(disposal: () => unknown): unknown {
    const state = runtime().storage.getStore()?.cell?.state
    const made = state === undefined ? undefined : values.get(state)
    if (made !== undefined) made.disposed = true
    return disposal()
  }

  function discard(value: Value): void {
    const disposal = disposalOf(value, dispose)
    if (disposal !== undefined) void Promise.resolve(runOutside(disposal)).catch(() => undefined)
  }
}
