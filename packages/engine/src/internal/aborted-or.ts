import type { Scope } from '@ringfence/context'
import type { WorkScope } from '../errors/failure.ts'

/** Why a scope was aborted, if it was: then what its code threw is a consequence. Otherwise the error itself. */
export function abortedOr(scope: Scope, error: unknown, work: WorkScope): unknown {
  if (scope.lifecycle === 'closed') return error
  const { signal } = scope
  if (signal.aborted) return signal.reason
  work.failedItself = true
  return error
}

/** What comes after its deadline, or after a cancel, has failed: the limit would be none otherwise (I9). */
export function throwIfAborted(scope: Scope): void {
  scope.signal.throwIfAborted()
}
