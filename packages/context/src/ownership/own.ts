import { checkOptions, kindOf, wrongArgument } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import { describe, stateOf, violation } from '../internal/violation.ts'
import { admit, callerFor, ownershipOf } from './admit.ts'

/** How a value is owned. */
export interface OwnOptions {
  /**
   * True ties the value to the current scope as well: it is refused outside this scope and the scopes opened
   * in it, and after this one has closed. For connections, transactions and instances. Default: false.
   */
  readonly scope?: boolean
}

/**
 * Marks a value as the current owner's and returns it, untouched: the mark is kept beside it. From then on
 * every Ringfence door refuses it in another owner's scope (I6). Primitives have no identity and cannot be
 * owned. Owning one's own value again is allowed and can only narrow it to the scope.
 *
 * Throws `NO_SCOPE`, `SCOPE_CLOSED`, `CROSS_OWNER` (it is somebody else's), and TypeError for a primitive.
 *
 * @example
 * const cart = own(new Cart())
 */
export function own<T extends object>(value: T, options: OwnOptions = {}): T {
  const { storage, ownerships } = runtime()
  const state = stateOf(storage.getStore(), 'own a value')
  checkOptions('own()', 'options', options, { scope: true })
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
    throw wrongArgument('own()', 'value', 'an object or a function', kindOf(value))
  }
  const existing = ownerships.get(value)
  if (existing !== undefined) {
    admit(existing, state, 'own a value')
    if (existing.bound) return value
    existing.cell = state.cell
    existing.bound = options.scope ?? false
    return value
  }
  ownerships.set(value, {
    owner: state.owner,
    cell: state.cell,
    bound: options.scope ?? false,
  })
  return value
}

/**
 * Returns the value if it belongs to the owner of the current scope; otherwise throws. The check to put at
 * the entrance of a function that takes something it must not take from a stranger (I6).
 *
 * Throws `CROSS_OWNER` (another owner's, or tied to another scope), `NOT_OWNED` (nobody's: it fails closed),
 * `SCOPE_CLOSED`, and in no scope `SCOPE_LOST` for an owned value, `NO_SCOPE` for another.
 */
export function assertOwner<T>(value: T): T {
  const ownership = ownershipOf(value)
  if (ownership !== undefined) {
    admit(ownership, callerFor(ownership, 'use a value'), 'use a value')
    return value
  }
  const state = stateOf(runtime().storage.getStore(), 'check who owns a value')
  throw violation(
    'NOT_OWNED',
    `Cannot tell whose this ${kindOf(value)} is: nobody owns it. Mark it with own() where it is made.`,
    describe(state),
  )
}
