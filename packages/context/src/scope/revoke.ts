import { runtime } from '../internal/runtime.ts'
import { crossOwner, violation } from '../internal/violation.ts'
import { sameOwner, type Owner } from '../ownership/owner.ts'
import { abortScope } from './abort.ts'

/**
 * Ends every scope of an owner, detached ones too: each is aborted with `REVOKED`, and what ignores that is
 * fenced within its close budget. Returns how many root scopes were told. For an account that is closed or a
 * right that is withdrawn; whether new scopes of the owner may open is for whoever opens them to decide.
 *
 * From another owner's open scope it throws `CROSS_OWNER`: revoke from code that runs for nobody.
 */
export function revoke(owner: Owner): number {
  const { storage, roots } = runtime()
  const caller = storage.getStore()?.cell?.state
  if (caller !== undefined && !sameOwner(caller.owner, owner)) {
    throw crossOwner(
      caller,
      'revoke another owner',
      'Do it in runOutside(), after checking who asks for it.',
    )
  }
  let revoked = 0
  for (const root of roots) {
    if (!sameOwner(root.owner, owner) || root.aborted) continue
    revoked += 1
    abortScope(root, violation('REVOKED', 'The scopes of this owner were revoked.'))
  }
  return revoked
}
