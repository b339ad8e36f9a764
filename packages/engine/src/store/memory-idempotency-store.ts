import { canonicalOwner, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type { IdempotencyClaim, IdempotencyRecord, IdempotencyStore } from './idempotency-store.ts'
import { ownerKey } from './owner-key.ts'

/** How many keys the memory store keeps. A key that has not expired is never forgotten: it is a promise. */
export interface MemoryIdempotencyStoreLimits {
  /** Keys of one owner. One more is refused with `IDEMPOTENCY_LIMIT`. Default 1,000. */
  readonly keysPerOwner: number
  /** Keys of all owners. Default 100,000. */
  readonly keys: number
}

const defaults: MemoryIdempotencyStoreLimits = Object.freeze({ keysPerOwner: 1_000, keys: 100_000 })

/** Idempotency keys in the memory of this process. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #limits: MemoryIdempotencyStoreLimits
  readonly #owners = new Map<string, Map<string, IdempotencyRecord>>()
  #keys = 0

  constructor(limits: Partial<MemoryIdempotencyStoreLimits>) {
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  async claim(claim: IdempotencyClaim): Promise<IdempotencyRecord> {
    const { agent, key, inputHash, runId, now, leaseUntil, expiresAt } = claim
    const owner = ownerKey()
    const owned = this.#owners.get(owner) ?? new Map<string, IdempotencyRecord>()
    const name = nameOf(agent, key)
    const known = owned.get(name)
    if (known !== undefined && stands(known, now)) return known
    if (known === undefined) this.#makeRoom(owned, now)
    else owned.delete(name)
    const record: IdempotencyRecord = Object.freeze({
      runId,
      inputHash,
      confirmed: false,
      leaseUntil,
      expiresAt,
    })
    if (known === undefined) this.#keys += 1
    owned.set(name, record)
    this.#owners.set(owner, owned)
    return record
  }

  async confirm(agent: string, key: string, claimed: string, runId: string): Promise<void> {
    const owned = this.#owners.get(ownerKey())
    const record = owned?.get(nameOf(agent, key))
    if (owned === undefined || record?.runId !== claimed) return
    owned.set(nameOf(agent, key), Object.freeze({ ...record, runId, confirmed: true }))
  }

  async release(agent: string, key: string, runId: string): Promise<void> {
    const owner = ownerKey()
    const owned = this.#owners.get(owner)
    const name = nameOf(agent, key)
    if (owned?.get(name)?.runId !== runId) return
    owned.delete(name)
    this.#keys -= 1
    if (owned.size === 0) this.#owners.delete(owner)
  }

  /** For the system scope: what is kept of all. */
  get keys(): number {
    return this.#keys
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  sweep(now: number): number {
    assertSystem('sweep')
    return this.#dropExpired(now)
  }

  forget(owner: Owner): number {
    assertSystem('forget')
    const key = canonicalOwner(owner)
    const count = this.#owners.get(key)?.size ?? 0
    this.#owners.delete(key)
    this.#keys -= count
    return count
  }

  clear(): void {
    this.#owners.clear()
    this.#keys = 0
  }

  #makeRoom(owned: Map<string, IdempotencyRecord>, now: number): void {
    const { keysPerOwner, keys } = this.#limits
    if (owned.size >= keysPerOwner) this.#keys -= dropExpired(owned, now)
    if (owned.size >= keysPerOwner) throw tooMany('You have used')
    if (this.#keys >= keys) this.#dropExpired(now)
    if (this.#keys >= keys) throw tooMany('The server keeps')
  }

  #dropExpired(now: number): number {
    let dropped = 0
    for (const [owner, owned] of this.#owners) {
      dropped += dropExpired(owned, now)
      if (owned.size === 0) this.#owners.delete(owner)
    }
    this.#keys -= dropped
    return dropped
  }
}

function stands({ confirmed, leaseUntil, expiresAt }: IdempotencyRecord, now: number): boolean {
  return expiresAt > now && (confirmed || leaseUntil > now)
}

function dropExpired(owned: Map<string, IdempotencyRecord>, now: number): number {
  const before = owned.size
  for (const [name, record] of owned) if (!stands(record, now)) owned.delete(name)
  return before - owned.size
}

/** Unmistakable: no two pairs of agent and key share a name. */
function nameOf(agent: string, key: string): string {
  return `${agent.length}:${agent}${key}`
}

function tooMany(who: string): EngineError {
  return new EngineError(
    'IDEMPOTENCY_LIMIT',
    `${who} as many idempotency keys as are kept. Try again later, or without a key.`,
    { retryAfterMs: 60_000 },
  )
}
