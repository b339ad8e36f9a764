import { expect } from 'vitest'
import { ContextError } from '../../src/index.ts'

/** What the function throws, or the promise rejects with. Fails when there is nothing to catch. */
export async function caught(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt()
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}

/** The same, where it must be an error of this package. */
export async function contextError(attempt: () => unknown): Promise<ContextError> {
  const error = await caught(attempt)
  if (!ContextError.is(error)) throw error
  return error
}

/** Runs what must throw at once, and returns what it throws. */
export function thrownBy(attempt: () => unknown): unknown {
  try {
    attempt()
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}
