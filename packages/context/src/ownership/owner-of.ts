import { runtime } from '../internal/runtime.ts'
import { stateOf } from '../internal/violation.ts'
import { admit, callerFor, ownershipOf } from './admit.ts'
import type { Owner } from './owner.ts'

/**
 * The owner of a value, which is the current one, or undefined for a value that nobody owns. It never names
 * anybody else: a value of another owner throws `CROSS_OWNER` (I6).
 */
export function ownerOf(value: unknown): Owner | undefined {
  const ownership = ownershipOf(value)
  if (ownership === undefined) {
    stateOf(runtime().storage.getStore(), 'ask who owns a value')
    return undefined
  }
  const state = callerFor(ownership, 'ask who owns a value')
  admit(ownership, state, 'ask who owns a value')
  return state.owner
}
