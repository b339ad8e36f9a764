import type { ApprovalRecord } from '@ringfence/engine'
import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { refuseLostCursor } from '../handler/lost-cursor.ts'
import { pathId } from '../handler/path-id.ts'
import { queryOf } from '../handler/query-of.ts'
import type { OwnedRoute } from '../handler/route.ts'

const approvalPage = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: identifier.optional(),
  status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'used']).optional(),
  runId: identifier.optional(),
})

const decisionSchema = z.strictObject({ reason: z.string().max(1_000).optional() })

/** What one's own runs ask, newest first. */
export const listApprovals: OwnedRoute = {
  method: 'GET',
  path: '/v1/approvals',
  contract: {
    summary: "What one's own runs ask a person, newest first.",
    query: approvalPage,
    answers: { 200: { description: 'A page of it.', schema: 'ApprovalPage' } },
    problems: ['invalid_query', 'invalid_cursor'],
  },
  action: 'approvals.list',
  async handle(call) {
    const { approvals, ...rest } = await call.core.engine.approvals
      .list(queryOf(call, approvalPage))
      .catch(refuseLostCursor('approval'))
    return jsonResponse(call.exchange, 200, { approvals: approvals.map(shown), ...rest })
  },
}

/** One of them. */
export const readApproval: OwnedRoute = {
  method: 'GET',
  path: '/v1/approvals/:id',
  contract: {
    summary: 'One of them.',
    answers: { 200: { description: 'The approval.', schema: 'Approval' } },
    problems: ['invalid_query', 'approval_not_found'],
  },
  action: 'approvals.read',
  about: 'approvalId',
  async handle(call) {
    const approval = await call.core.engine.approvals.get(pathId(call))
    return jsonResponse(call.exchange, 200, shown(approval))
  },
}

/** Says yes, once. */
export const approve: OwnedRoute = decisionRoute('approve', 'Says yes to one of them, once.')

/** Says no. */
export const deny: OwnedRoute = decisionRoute('deny', 'Says no to one of them.')

function decisionRoute(decision: 'approve' | 'deny', summary: string): OwnedRoute {
  return {
    method: 'POST',
    path: `/v1/approvals/:id/${decision}`,
    contract: {
      summary,
      body: decisionSchema,
      bodyOptional: true,
      answers: { 200: { description: 'The approval, as it was decided.', schema: 'Approval' } },
      problems: ['invalid_query', 'approval_not_found', 'approval_resolved'],
    },
    action: 'approvals.decide',
    about: 'approvalId',
    async handle(call) {
      const { reason } = await readBody(bodyOf(call), decisionSchema, { optional: true })
      const approval = await call.core.engine.approvals[decision](pathId(call), { reason })
      return jsonResponse(call.exchange, 200, shown(approval))
    },
  }
}

/** Without the hash of the arguments: it would give away what the preview leaves out to whoever can guess it. */
function shown({ argumentsHash: _hash, ...approval }: ApprovalRecord): object {
  return approval
}
