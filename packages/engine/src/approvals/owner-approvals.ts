import { currentScope, type Owner } from '@ringfence/context'
import type { Access } from '../access/access.ts'
import { EngineError } from '../errors/engine-error.ts'
import { quoted } from '../internal/quoted.ts'
import { cut } from '../internal/cut.ts'
import type {
  ApprovalPage,
  ApprovalPageOptions,
  ApprovalRecord,
  ApprovalStore,
} from '../store/approval-store.ts'
import { refuseLostCursor } from '../store/lost-cursor.ts'
import type { OfOwner } from '../threads/owner-threads.ts'

export interface DecisionOptions extends OfOwner {
  /** Said to the agent, and kept: up to 1,000 characters. */
  readonly reason?: string | undefined
}

/**
 * What the current owner's runs ask a person. An approval that is not there and one that is somebody else's are the
 * same: `APPROVAL_NOT_FOUND`. Every method throws `NO_SCOPE` outside a scope.
 */
export interface OwnerApprovals {
  /**
   * Newest first, a page at a time; `status` and `runId` narrow it. Rejects with `CURSOR_EVICTED` where `before` is none of
   * theirs, or no longer.
   */
  list(page?: ApprovalPageOptions & OfOwner): Promise<ApprovalPage>
  get(approvalId: string, options?: OfOwner): Promise<ApprovalRecord>
  /**
   * Says yes to one call with these arguments, once. Rejects with `APPROVAL_NOT_FOUND`, with `APPROVAL_RESOLVED`
   * where it was decided before or is too late, and with `FORBIDDEN` inside a run: agents approve nothing.
   */
  approve(approvalId: string, options?: DecisionOptions): Promise<ApprovalRecord>
  /** Says no. Rejects as `approve` does. */
  deny(approvalId: string, options?: DecisionOptions): Promise<ApprovalRecord>
}

export interface OwnerApprovalsOptions {
  readonly store: ApprovalStore
  readonly access: Access
  readonly now: () => number
  /** Whether the current scope is that of a run that goes on. */
  readonly insideRun: () => boolean
}

const longestReason = 1_000

export function ownerApprovals(options: OwnerApprovalsOptions): OwnerApprovals {
  const { store, access, now, insideRun } = options
  const about = (id: string, owner: Owner | undefined) =>
    ({ type: 'approval', id, owner, missing: () => approvalNotFound(id) }) as const
  /** What nobody decided in time has expired, also where nobody is left to say so. */
  const seen = (record: ApprovalRecord): ApprovalRecord =>
    record.status === 'pending' && Date.parse(record.expiresAt) <= now()
      ? Object.freeze({ ...record, status: 'expired' })
      : record

  async function decide(
    outcome: 'approved' | 'denied',
    approvalId: string,
    { owner, reason }: DecisionOptions = {},
  ): Promise<ApprovalRecord> {
    const by = currentScope().owner
    if (insideRun()) {
      throw new EngineError('FORBIDDEN', 'A run cannot decide about approvals: a person has to.')
    }
    const said = reason === undefined ? {} : { reason: cut(reason, longestReason) }
    const at = new Date(now()).toISOString()
    return access.within('approve', about(approvalId, owner), async () => {
      const known = await store.get(approvalId)
      if (known === undefined) throw approvalNotFound(approvalId)
      if (seen(known).status !== 'pending') throw resolved(seen(known))
      const record = await store.resolve(approvalId, { outcome, at, by, ...said })
      if (record === undefined) throw approvalNotFound(approvalId)
      // Of two who decide at the same time, one did.
      const mine = record.status === outcome || record.status === 'used'
      if (!mine || record.resolvedAt !== at) throw resolved(record)
      return record
    })
  }

  return Object.freeze<OwnerApprovals>({
    list: ({ owner, ...page } = {}) =>
      access.within('list', { type: 'approval', owner }, async () => {
        await refuseLostCursor('approval', page.before, (id) => store.get(id))
        const { approvals, ...rest } = await store.list(page)
        return { approvals: approvals.map(seen), ...rest }
      }),
    get: (approvalId, { owner } = {}) =>
      access.within('read', about(approvalId, owner), async () => {
        const record = await store.get(approvalId)
        if (record === undefined) throw approvalNotFound(approvalId)
        return seen(record)
      }),
    approve: (approvalId, decision) => decide('approved', approvalId, decision),
    deny: (approvalId, decision) => decide('denied', approvalId, decision),
  })
}

function approvalNotFound(approvalId: string): EngineError {
  return new EngineError('APPROVAL_NOT_FOUND', `There is no approval ${quoted(approvalId)}.`)
}

function resolved({ approvalId, status }: ApprovalRecord): EngineError {
  return new EngineError(
    'APPROVAL_RESOLVED',
    `The approval "${approvalId}" can no longer be decided: it is ${status}.`,
  )
}
