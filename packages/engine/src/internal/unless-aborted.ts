import type { Scope } from '@ringfence/context'

/**
 * The promise, or the scope's reason as soon as that is aborted. Leaves no listener; and makes no signal, whose listeners
 * Node counts and warns of when as many pieces of text as that wait at once.
 */
export function unlessAborted<Result>(promise: Promise<Result>, scope: Scope): Promise<Result> {
  return new Promise((resolve, reject) => {
    const forget = scope.onAbort(reject)
    promise.then(resolve, reject).finally(forget)
  })
}
