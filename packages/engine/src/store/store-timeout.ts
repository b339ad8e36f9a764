import { EngineError } from '../errors/engine-error.ts'

/** What a call of a store fails with that is not answered in time. */
export function storeTimeout(method: string, ms: number): EngineError {
  return new EngineError(
    'STORE_TIMEOUT',
    `The store did not answer within ${ms} ms (${method}). Whether it has done what was asked is not known.`,
    { retryAfterMs: 1_000 },
  )
}

/** Whether a store has not answered: what it was asked it may have done, or may still do. */
export function isStoreTimeout(error: unknown): boolean {
  return EngineError.is(error) && error.code === 'STORE_TIMEOUT'
}
