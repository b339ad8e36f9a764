import { currentScope } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { checkedLimit } from '../../internal/checked-limit.ts'
import { deepFreeze } from '../../internal/deep-freeze.ts'
import { resolveStoreLimits } from '../../internal/resolve-store-limits.ts'
import type {
  ApprovalPage,
  ApprovalPageOptions,
  ApprovalRecord,
  ApprovalResolution,
  ApprovalStore,
  ApprovedCall,
  NewApproval,
} from '../../store/approval-store.ts'
import { notFound } from '../../store/not-found.ts'
import type { Database, Row } from '../database/database.ts'
import { toKeyText } from '../database/key-text.ts'
import { isForgotten } from './forgotten-run.ts'
import type { HeldAttempts } from './held-attempts.ts'
import { asCurrentOwner, oneAtATime, type OwnerSql } from './owner-transaction.ts'
import type { WakeUps } from './wake-ups.ts'

/** How many approvals are kept of one owner. What was decided is forgotten first; what is pending never is. */
export interface PostgresApprovalStoreLimits {
  /** Pending ones. One more is refused with `APPROVAL_LIMIT`. Default 100. */
  readonly pendingPerOwner: number
  /** Pending and decided ones. Default 5,000. */
  readonly approvalsPerOwner: number
}

const defaults: PostgresApprovalStoreLimits = Object.freeze({
  pendingPerOwner: 100,
  approvalsPerOwner: 5_000,
})

const ofApproval = 'tenant = $1 AND user_id = $2 AND approval_id = $3'
const columns = 'approval_id, request, status, resolved_at, resolved_by, reason'

/** What a person is asked, in PostgreSQL. */
export class PostgresApprovalStore implements ApprovalStore {
  readonly #database: Database
  readonly #wakeUps: WakeUps
  readonly #attempts: HeldAttempts
  readonly #limits: PostgresApprovalStoreLimits

  constructor(
    database: Database,
    wakeUps: WakeUps,
    attempts: HeldAttempts,
    limits: Partial<PostgresApprovalStoreLimits> = {},
  ) {
    this.#database = database
    this.#wakeUps = wakeUps
    this.#attempts = attempts
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  async create(approval: NewApproval): Promise<void> {
    const request = JSON.stringify(approval)
    await asCurrentOwner(this.#database, async (statements) => {
      if (await isForgotten(this.#attempts, statements, approval.runId)) {
        throw notFound(approval.runId)
      }
      await oneAtATime(statements, 'approvals')
      await this.#makeRoom(statements)
      const { key, sql } = statements
      const rows = await sql(
        `INSERT INTO approvals
          (tenant, user_id, approval_id, run_id, call_id, arguments_hash, request, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING approval_id`,
        [
          ...key,
          toKeyText(approval.approvalId),
          toKeyText(approval.runId),
          toKeyText(approval.callId),
          toKeyText(approval.argumentsHash),
          request,
          Date.parse(approval.expiresAt),
        ],
      )
      if (rows.length === 0) {
        throw new Error(`The approval "${approval.approvalId}" exists already`)
      }
    })
  }

  async get(approvalId: string): Promise<ApprovalRecord | undefined> {
    return asCurrentOwner(this.#database, (statements) => find(statements, approvalId))
  }

  async list({
    limit = 20,
    before,
    status,
    runId,
  }: ApprovalPageOptions = {}): Promise<ApprovalPage> {
    checkedLimit('limit', limit, 1)
    const most = Math.min(limit, 100)
    const rows = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(
        `SELECT ${columns} FROM approvals
        WHERE tenant = $1 AND user_id = $2
          AND ($3::text IS NULL OR position < (SELECT position FROM approvals WHERE ${ofApproval}))
          AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR run_id = $5)
        ORDER BY position DESC LIMIT $6`,
        [
          ...key,
          before === undefined ? null : toKeyText(before),
          status ?? null,
          runId === undefined ? null : toKeyText(runId),
          most + 1,
        ],
      ),
    )
    const approvals = rows.slice(0, most).map(approvalOf)
    return rows.length > most ? { approvals, next: approvals.at(-1)?.approvalId } : { approvals }
  }

  async resolve(
    approvalId: string,
    { outcome, at, by, reason }: ApprovalResolution,
  ): Promise<ApprovalRecord | undefined> {
    const { owner } = currentScope()
    const record = await asCurrentOwner(this.#database, async (statements) => {
      const { key, sql } = statements
      const [row] = await sql(
        `WITH decided AS (
          UPDATE approvals SET
            status = CASE WHEN expires_ms <= $4 AND $5 <> 'cancelled' THEN 'expired' ELSE $5 END,
            resolved_at = $6,
            resolved_by = CASE WHEN expires_ms <= $4 AND $5 <> 'cancelled' THEN NULL ELSE $7 END,
            reason = CASE WHEN expires_ms <= $4 AND $5 <> 'cancelled' THEN NULL ELSE $8 END,
            changed_on = now()
          WHERE ${ofApproval} AND status = 'pending' RETURNING ${columns}
        )
        SELECT ${columns}, ${this.#wakeUps.notification('approval', owner, approvalId)} FROM decided`,
        [
          ...key,
          toKeyText(approvalId),
          Date.parse(at),
          outcome,
          at,
          by === undefined ? null : JSON.stringify(by),
          reason === undefined ? null : JSON.stringify(reason),
        ],
      )
      return row === undefined
        ? { decided: false, approval: await find(statements, approvalId) }
        : { decided: true, approval: approvalOf(row) }
    })
    if (record.decided) this.#wakeUps.wake('approval', owner, approvalId)
    return record.approval
  }

  async redeem(approvalId: string, call: ApprovedCall, at: string): Promise<boolean> {
    const rows = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(
        `UPDATE approvals SET status = 'used', changed_on = now()
        WHERE ${ofApproval} AND status = 'approved' AND run_id = $4 AND call_id = $5
          AND arguments_hash = $6 AND expires_ms > $7
          AND EXISTS (SELECT 1 FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $4 AND ended_at IS NULL)
        RETURNING approval_id`,
        [
          ...key,
          toKeyText(approvalId),
          toKeyText(call.runId),
          toKeyText(call.callId),
          toKeyText(call.argumentsHash),
          Date.parse(at),
        ],
      ),
    )
    return rows.length > 0
  }

  async deleteOf(runId: string): Promise<number> {
    const rows = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(
        'DELETE FROM approvals WHERE tenant = $1 AND user_id = $2 AND run_id = $3 RETURNING approval_id',
        [...key, toKeyText(runId)],
      ),
    )
    return rows.length
  }

  async watch(approvalId: string, wake: () => void): Promise<() => void> {
    return this.#wakeUps.watch('approval', currentScope().owner, approvalId, wake)
  }

  async #makeRoom({ key, sql }: OwnerSql): Promise<void> {
    const { pendingPerOwner, approvalsPerOwner } = this.#limits
    const [row] = await sql(
      `SELECT count(*)::integer AS kept, (count(*) FILTER (WHERE status = 'pending'))::integer AS pending
      FROM approvals WHERE tenant = $1 AND user_id = $2`,
      key,
    )
    const { kept, pending } = countRow.parse(row)
    if (pending >= Math.min(pendingPerOwner, approvalsPerOwner)) {
      throw new EngineError(
        'APPROVAL_LIMIT',
        `You have ${pending} approvals pending; no more can be asked for. Decide one first.`,
        { retryAfterMs: 1_000 },
      )
    }
    if (kept < approvalsPerOwner) return
    // An approval that was given and not yet used is still waited for.
    await sql(
      `DELETE FROM approvals WHERE tenant = $1 AND user_id = $2 AND approval_id IN (
        SELECT approval_id FROM approvals
        WHERE tenant = $1 AND user_id = $2 AND status NOT IN ('pending', 'approved')
        ORDER BY position LIMIT $3)`,
      [...key, kept - approvalsPerOwner + 1],
    )
  }
}

const countRow = z.object({ kept: z.int(), pending: z.int() })

const ownerSchema = z.object({ tenantId: z.string().optional(), userId: z.string() })

const requestSchema = z.object({
  approvalId: z.string(),
  runId: z.string(),
  callId: z.string(),
  agent: z.string(),
  tool: z.string(),
  input: z.unknown().optional(),
  argumentsHash: z.string(),
  requestedAt: z.string(),
  expiresAt: z.string(),
})

const approvalRow = z.object({
  request: z.string(),
  status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'used']),
  resolved_at: z.string().nullable(),
  resolved_by: z.string().nullable(),
  reason: z.string().nullable(),
})

async function find(
  { key, sql }: OwnerSql,
  approvalId: string,
): Promise<ApprovalRecord | undefined> {
  const [row] = await sql(`SELECT ${columns} FROM approvals WHERE ${ofApproval}`, [
    ...key,
    toKeyText(approvalId),
  ])
  return row === undefined ? undefined : approvalOf(row)
}

function approvalOf(row: Row): ApprovalRecord {
  const { request, status, resolved_at, resolved_by, reason } = approvalRow.parse(row)
  const { tenantId, ...by } =
    resolved_by === null ? { userId: '' } : { ...ownerSchema.parse(JSON.parse(resolved_by)) }
  return deepFreeze({
    ...requestSchema.parse(JSON.parse(request)),
    status,
    ...(resolved_at === null ? {} : { resolvedAt: resolved_at }),
    ...(resolved_by === null
      ? {}
      : { resolvedBy: tenantId === undefined ? by : { ...by, tenantId } }),
    ...(reason === null ? {} : { reason: z.string().parse(JSON.parse(reason)) }),
  })
}
