import type { ImpersonationRecord } from '@ringfence/context'
import type { AuditLog } from './audit-log.ts'

/**
 * For the `audit` of `createImpersonation`: acting as somebody else is in the log, or does not happen.
 *
 * @example
 * const support = createImpersonation({ definition: users, authorize, audit: impersonationAudit(log) })
 */
export function impersonationAudit(log: AuditLog): (record: ImpersonationRecord) => Promise<void> {
  return ({ outcome, actor, actorScopeId, target, reason }) =>
    log.append({
      actor: { kind: 'user', ...actor },
      action: 'impersonate',
      resource: { type: 'owner', owner: target },
      outcome: outcome === 'ended' ? 'done' : outcome,
      reason,
      source: { scopeId: actorScopeId },
    })
}
