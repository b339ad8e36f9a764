import { checkFunction } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'

/**
 * Runs `callback` in no scope. For what all users share and one of them happens to create first: a pool, a
 * lazy singleton, an interval. Inside, reading a user throws `NO_SCOPE`, so nothing can capture one;
 * variables are unset there too, because what they hold may be a user's.
 *
 * @example
 * const pool = (shared ??= runOutside(() => new Pool()))
 */
export function runOutside<Result>(callback: () => Result): Result {
  checkFunction('runOutside()', 'callback', callback)
  return runtime().storage.run({ cell: undefined, work: undefined, variables: undefined }, callback)
}
