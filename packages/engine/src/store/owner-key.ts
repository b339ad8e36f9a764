import { canonicalOwner, currentScope } from '@ringfence/context'

/**
 * The owner of the current scope, as the first part of every key: the only one whose entries a call can reach
 * (I8). Throws `NO_SCOPE` outside a scope.
 */
export function ownerKey(): string {
  return canonicalOwner(currentScope().owner)
}
