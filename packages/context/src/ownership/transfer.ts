import { wrongArgument } from '../internal/argument.ts'
import { describe, violation } from '../internal/violation.ts'
import { admit, callerFor, ownershipOf } from './admit.ts'
import { checkOwner, type Owner } from './owner.ts'

/**
 * Gives what the current owner has to another one: from now on it is theirs, and the giver's scopes are
 * refused. For what changes hands on purpose, such as a document that is shared; nobody can take. A guarded value
 * and what it guards change hands together.
 *
 * Throws `NOT_OWNED`, `CROSS_OWNER` (it is not the current owner's, or it is tied to a scope), `SCOPE_LOST`.
 */
export function transfer<T extends object>(value: T, to: Owner): T {
  checkOwner('transfer()', 'to', to)
  if (to.userId === '') throw wrongArgument('transfer()', 'to', 'an owner', 'an empty userId')
  const ownership = ownershipOf(value)
  if (ownership === undefined) {
    throw violation(
      'NOT_OWNED',
      'Cannot transfer a value that nobody owns. Mark it with own() where it is made.',
    )
  }
  const state = callerFor(ownership, 'transfer a value')
  admit(ownership, state, 'transfer a value')
  if (ownership.bound) {
    throw violation(
      'CROSS_OWNER',
      'Cannot transfer a value that is tied to a scope: it ends with it. Own it without { scope: true }.',
      describe(state),
    )
  }
  const { userId, tenantId } = to
  ownership.owner = Object.freeze(tenantId === undefined ? { userId } : { tenantId, userId })
  return value
}
