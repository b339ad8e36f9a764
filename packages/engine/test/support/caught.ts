import { expect } from 'vitest'
import { ContextError } from '@ringfence/context'
import { EngineError } from '../../src/index.ts'

/** What the function throws, or the promise rejects with. Fails when there is nothing to catch. */
export async function caught(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt()
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}

/** The same, where it must be an error of the engine. */
export async function engineError(attempt: () => unknown): Promise<EngineError> {
  const error = await caught(attempt)
  if (!EngineError.is(error)) throw error
  return error
}

/** The same, where it must be an error of the context package. */
export async function contextError(attempt: () => unknown): Promise<ContextError> {
  const error = await caught(attempt)
  if (!ContextError.is(error)) throw error
  return error
}
