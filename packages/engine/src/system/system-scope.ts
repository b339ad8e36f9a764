import { createVariable, isOutside, runOutside, type Variable } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'

/** What the system scope may do. There is nothing else that crosses owners (I8). */
export type SystemOperation = 'claim' | 'sweep' | 'migrate' | 'inspect' | 'forget'

const current: Variable<SystemOperation | undefined> = createVariable({ name: 'system-operation' })

/**
 * Runs an operation of the system: in no user's scope, so that nothing in it can read or write as one. The caller
 * keeps the audit trail.
 */
export function runAsSystem<Result>(operation: SystemOperation, callback: () => Result): Result {
  return runOutside(() => current.run(operation, callback))
}

/** Throws `SYSTEM_ONLY` unless one of these operations is going on. */
export function assertSystem(...operations: readonly SystemOperation[]): void {
  const operation = current.get()
  // A user's scope that is opened inside is that user's, and has no more rights than any other.
  if (isOutside() && operation !== undefined && operations.includes(operation)) return
  throw new EngineError(
    'SYSTEM_ONLY',
    `Only the system operation ${operations.map((name) => `"${name}"`).join(' or ')} may do this: it crosses owners. ` +
      'Users reach what is their own through the engine.',
  )
}
