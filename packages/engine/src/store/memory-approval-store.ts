import { canonicalOwner, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type {
  ApprovalPage,
  ApprovalPageOptions,
  ApprovalRecord,
  ApprovalResolution,
  ApprovalStore,
  ApprovedCall,
  NewApproval,
} from './approval-store.ts'
import { ownerKey } from './owner-key.ts'

/** How many approvals the memory store keeps. What was decided is forgotten first; what is pending never is. */
export interface MemoryApprovalStoreLimits {
  /** Pending approvals of one owner. One more is refused with `APPROVAL_LIMIT`. Default 100. */
  readonly pendingPerOwner: number
  /** Approvals of one owner, pending and decided. Default 500. */
  readonly approvalsPerOwner: number
  /** Approvals of all owners. Default 20,000. */
  readonly approvals: number
}

const defaults: MemoryApprovalStoreLimits = Object.freeze({
  pendingPerOwner: 100,
  approvalsPerOwner: 500,
  approvals: 20_000,
})

interface Entry {
  record: ApprovalRecord
  readonly watchers: Set<() => void>
}

/** Approvals in the memory of this process. */
export class MemoryApprovalStore implements ApprovalStore {
  readonly #limits: MemoryApprovalStoreLimits
  readonly #runHasEnded: (runId: string) => boolean
  readonly #owners = new Map<string, Map<string, Entry>>()
  /** Every approval, oldest first, with those it is kept among. */
  readonly #byAge = new Map<Entry, string>()

  /** `runHasEnded` answers for the current owner: what has ended can no longer use an approval. */
  constructor(limits: Partial<MemoryApprovalStoreLimits>, runHasEnded: (runId: string) => boolean) {
    this.#limits = resolveStoreLimits(defaults, limits)
    this.#runHasEnded = runHasEnded
  }

  async create(approval: NewApproval): Promise<void> {
    const key = ownerKey()
    const owned = this.#owners.get(key) ?? new Map<string, Entry>()
    if (owned.has(approval.approvalId)) {
      throw new Error(`The approval "${approval.approvalId}" exists already`)
    }
    this.#makeRoom(owned)
    const record: ApprovalRecord = deepFreeze(structuredClone({ ...approval, status: 'pending' }))
    const entry: Entry = { record, watchers: new Set() }
    owned.set(approval.approvalId, entry)
    this.#owners.set(key, owned)
    this.#byAge.set(entry, key)
  }

  async get(approvalId: string): Promise<ApprovalRecord | undefined> {
    return this.#find(approvalId)?.record
  }

  async list({
    limit = 20,
    before,
    status,
    runId,
  }: ApprovalPageOptions = {}): Promise<ApprovalPage> {
    checkedLimit('limit', limit, 1)
    const newestFirst = [...(this.#owners.get(ownerKey())?.values() ?? [])]
      .toReversed()
      .map(({ record }) => record)
    const start =
      before === undefined
        ? 0
        : newestFirst.findIndex(({ approvalId }) => approvalId === before) + 1
    if (before !== undefined && start === 0) return { approvals: [] }
    const wanted = newestFirst
      .slice(start)
      .filter((record) => status === undefined || record.status === status)
      .filter((record) => runId === undefined || record.runId === runId)
    const approvals = wanted.slice(0, Math.min(limit, 100))
    const more = wanted.length > approvals.length
    return more ? { approvals, next: approvals.at(-1)?.approvalId } : { approvals }
  }

  async resolve(
    approvalId: string,
    { outcome, at, by, reason }: ApprovalResolution,
  ): Promise<ApprovalRecord | undefined> {
    const entry = this.#find(approvalId)
    if (entry === undefined || entry.record.status !== 'pending') return entry?.record
    const tooLate = Date.parse(at) >= Date.parse(entry.record.expiresAt)
    const late = tooLate && outcome !== 'cancelled'
    entry.record = Object.freeze({
      ...entry.record,
      status: late ? 'expired' : outcome,
      resolvedAt: at,
      ...(late || by === undefined ? {} : { resolvedBy: Object.freeze({ ...by }) }),
      ...(late || reason === undefined ? {} : { reason }),
    })
    for (const wake of entry.watchers) wake()
    return entry.record
  }

  async redeem(approvalId: string, call: ApprovedCall, at: string): Promise<boolean> {
    const entry = this.#find(approvalId)
    if (entry === undefined) return false
    const { record } = entry
    const matches =
      record.status === 'approved' &&
      record.runId === call.runId &&
      record.callId === call.callId &&
      record.argumentsHash === call.argumentsHash &&
      Date.parse(at) < Date.parse(record.expiresAt) &&
      !this.#runHasEnded(call.runId)
    if (matches) entry.record = Object.freeze({ ...record, status: 'used' })
    return matches
  }

  async deleteOf(runId: string): Promise<number> {
    const owned = [...(this.#owners.get(ownerKey())?.values() ?? [])]
    const doomed = owned.filter(({ record }) => record.runId === runId)
    for (const entry of doomed) this.#remove(entry)
    return doomed.length
  }

  async watch(approvalId: string, wake: () => void): Promise<() => void> {
    const watchers = this.#find(approvalId)?.watchers
    watchers?.add(wake)
    return () => {
      watchers?.delete(wake)
    }
  }

  /** For the system scope: what is kept of all. */
  get approvals(): number {
    return this.#byAge.size
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  /** Lets what nobody decided in time expire. */
  sweep(now: number): number {
    assertSystem('sweep')
    let expired = 0
    for (const entry of this.#byAge.keys()) {
      if (entry.record.status !== 'pending' || Date.parse(entry.record.expiresAt) > now) continue
      const resolvedAt = new Date(now).toISOString()
      entry.record = Object.freeze({ ...entry.record, status: 'expired', resolvedAt })
      for (const wake of entry.watchers) wake()
      expired += 1
    }
    return expired
  }

  forget(owner: Owner): number {
    assertSystem('forget')
    const key = canonicalOwner(owner)
    const owned = [...(this.#owners.get(key)?.values() ?? [])]
    for (const entry of owned) this.#byAge.delete(entry)
    this.#owners.delete(key)
    return owned.length
  }

  clear(): void {
    this.#owners.clear()
    this.#byAge.clear()
  }

  #find(approvalId: string): Entry | undefined {
    return this.#owners.get(ownerKey())?.get(approvalId)
  }

  #makeRoom(owned: Map<string, Entry>): void {
    const { pendingPerOwner, approvalsPerOwner, approvals } = this.#limits
    let pending = 0
    for (const { record } of owned.values()) if (record.status === 'pending') pending += 1
    const most = Math.min(pendingPerOwner, approvalsPerOwner)
    if (pending >= most) throw tooMany(`You have ${pending} approvals pending`)
    while (owned.size >= approvalsPerOwner && this.#forgetDecided(owned.values()));
    while (this.#byAge.size >= approvals && this.#forgetDecided(this.#byAge.keys()));
    if (this.#byAge.size >= approvals)
      throw tooMany('The server has as many approvals pending as it can hold')
  }

  #forgetDecided(oldestFirst: Iterable<Entry>): boolean {
    for (const entry of oldestFirst) {
      // An approval that was given and not yet used is still waited for.
      const { status } = entry.record
      if (status === 'pending' || status === 'approved') continue
      this.#remove(entry)
      return true
    }
    return false
  }

  #remove(entry: Entry): void {
    const key = this.#byAge.get(entry)
    if (key === undefined) return
    const owned = this.#owners.get(key)
    owned?.delete(entry.record.approvalId)
    if (owned?.size === 0) this.#owners.delete(key)
    this.#byAge.delete(entry)
    for (const wake of entry.watchers) wake()
  }
}

function tooMany(what: string): EngineError {
  return new EngineError('APPROVAL_LIMIT', `${what}; no more can be asked for. Decide one first.`, {
    retryAfterMs: 1_000,
  })
}
