import { ContextError } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { propertyOf } from '../internal/property-of.ts'

const retryAfterMs = 1_000

/** What a call of a store fails with that is not answered in time. */
export function storeTimeout(method: string, ms: number): EngineError {
  return new EngineError(
    'STORE_TIMEOUT',
    `The store did not answer within ${ms} ms (${method}). Whether it has done what was asked is not known.`,
    { retryAfterMs },
  )
}

/** What a call of a store fails with that breaks off. The reason is its cause, and nobody else's business. */
export function storeUnavailable(method: string, cause: unknown): EngineError {
  return new EngineError(
    'STORE_UNAVAILABLE',
    `The store is not available (${method}). Whether it has done what was asked is not known. Try again in a moment.`,
    { retryAfterMs, cause },
  )
}

/** Whether a store has not answered: what it was asked it may have done, or may still do. */
export function isStoreTimeout(error: unknown): boolean {
  return EngineError.is(error) && error.code === 'STORE_TIMEOUT'
}

/** Whether a store has said nothing of what it was asked: it may be otherwise another time. */
export function isStoreFailure(error: unknown): boolean {
  return EngineError.is(error) && ['STORE_TIMEOUT', 'STORE_UNAVAILABLE'].includes(error.code)
}

/** What the log is told of a failure: why the store fails it has been told by the store, once. */
export function loggedFailure(error: unknown): object {
  return isStoreFailure(error) ? { code: propertyOf(error, 'code') } : { err: error }
}

/**
 * Whether an error is an answer: a refusal, or a mistake in what was asked. A TypeError with a cause is none: it is what
 * `fetch` rejects with where nobody is reached.
 */
export function isAnswer(error: unknown): boolean {
  if (EngineError.is(error) || ContextError.is(error) || error instanceof RangeError) return true
  return error instanceof TypeError && error.cause === undefined
}
