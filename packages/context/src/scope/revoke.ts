import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { callerNow, crossOwner, violation } from '../internal/violation.ts'
import { forgetOwner } from '../sharing/forget-owner.ts'
import { canonicalOwner, checkOwner, sameOwner, type Owner } from '../ownership/owner.ts'
import { abortScope } from './abort.ts'

/**
 * Ends every scope of an owner, detached ones too: each is aborted with `REVOKED`, and what ignores that is
 * fenced within its close budget. Nothing is detached from them any more, and `perOwner` and `bindLRUCache` forget
 * the owner. Returns how many root scopes were told. For an account that is closed or a right that is withdrawn;
 * whether new scopes of the owner may open is for whoever opens them to decide.
 *
 * From another owner's open scope it throws `CROSS_OWNER`, and from work that outlived its scope `SCOPE_CLOSED`:
 * revoke from code that runs for nobody.
 */
export function revoke(owner: Owner): number {
  checkOwner('revoke()', 'owner', owner)
  const { roots, revoked } = runtime()
  const caller = callerNow('revoke an owner')
  if (caller !== undefined && !sameOwner(caller.context, owner)) {
    throw crossOwner(
      caller,
      'revoke another owner',
      'Do it in runOutside(), after checking who asks for it.',
    )
  }
  let told = 0
  for (const root of roots.list()) {
    if (!sameOwner(root.context, owner)) continue
    // Also one that has been aborted already and takes its time: it could still detach work.
    revoked.add(root)
    if (root.aborted) continue
    told += 1
    abortScope(root, revocation())
  }
  // Afterwards: what the scopes' abort listeners asked a cache for goes with the rest.
  forgetOwner(canonicalOwner(owner))
  return told
}

export function revocation(): Error {
  return violation('REVOKED', 'The scopes of this owner were revoked.')
}

/** Whether the owner was revoked while the scope was open. */
export function isRevoked(state: ScopeState): boolean {
  let root = state
  while (root.parent !== undefined) root = root.parent
  return runtime().revoked.has(root)
}
