import { checkObject, kindOf, wrongArgument } from '../internal/argument.ts'

/**
 * Whom something belongs to. Two owners are the same or they are not; a tenant that is absent and one
 * that is empty are the same.
 */
export interface Owner {
  readonly tenantId?: string
  readonly userId: string
}

/** Whether two owners are the same one. */
export function sameOwner(one: Owner, other: Owner): boolean {
  return (
    one === other ||
    (one.userId === other.userId && (one.tenantId ?? '') === (other.tenantId ?? ''))
  )
}

/**
 * The one spelling of an owner, fit to begin a key of an index (I8). Parts are length-prefixed, so that
 * no choice of ids can make two owners share a key.
 *
 * @example
 * canonicalOwner({ tenantId: 'acme', userId: 'alice' }) // => '4:acme5:alice'
 */
export function canonicalOwner(owner: Owner): string {
  checkOwner('canonicalOwner()', 'owner', owner)
  const tenantId = owner.tenantId ?? ''
  return `${tenantId.length}:${tenantId}${owner.userId.length}:${owner.userId}`
}

/** A `userId` that is text, and a `tenantId` that is text if it is there. */
export function checkOwner(call: string, name: string, owner: Owner): void {
  checkObject(call, name, owner)
  const { userId, tenantId } = owner
  if (typeof userId !== 'string') {
    throw wrongArgument(call, name, 'an owner with a `userId`', `${kindOf(userId)} as its userId`)
  }
  if (tenantId !== undefined && typeof tenantId !== 'string') {
    throw wrongArgument(call, name, 'an owner', `${kindOf(tenantId)} as its tenantId`)
  }
}
