import { runtime, type OwnerStore } from '../internal/runtime.ts'

/**
 * Has `revoke` reach a cache: from the next revocation on it is told to forget the owner. Weakly, so that a cache
 * that the program let go of goes; a runtime without WeakRef (workerd before May 2025) keeps it.
 */
export function tellOfRevocations(store: OwnerStore): void {
  const { ownerStores } = runtime()
  for (const known of ownerStores) if (known.deref() === undefined) ownerStores.delete(known)
  ownerStores.add(typeof WeakRef === 'function' ? new WeakRef(store) : { deref: () => store })
}

/** Has every cache forget an owner who was revoked. */
export function forgetOwner(owner: string): void {
  for (const store of runtime().ownerStores) store.deref()?.forget(owner)
}
