import type { Scope } from '@ringfence/context'

/** Why a scope was aborted, if it was: then what its code threw is a consequence. Otherwise the error itself. */
export function abortedOr(scope: Scope, error: unknown): unknown {
  if (scope.lifecycle === 'closed') return error
  const { signal } = scope
  return signal.aborted ? signal.reason : error
}
