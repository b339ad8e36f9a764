import { runtime } from '../internal/runtime.ts'
import { stateOf } from '../internal/violation.ts'
import { admit, ownershipOf } from '../ownership/admit.ts'
import { own, type OwnOptions } from '../ownership/own.ts'

/** `own` for a value that may be a primitive, which has no identity to mark. */
export function ownObject<Value>(value: Value, options?: OwnOptions): Value {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    own(value, options)
  }
  return value
}

/** Hands a value out to the current scope, unless it is somebody else's (I6). What nobody owns passes. */
export function handOut<Value>(value: Value, attempt: string): Value {
  const ownership = ownershipOf(value)
  if (ownership !== undefined) {
    admit(ownership, stateOf(runtime().storage.getStore(), attempt), attempt)
  }
  return value
}
