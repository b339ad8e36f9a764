import { checkedLimit } from '../internal/checked-limit.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type { AuditPage, AuditRecord, AuditStore, NewAuditRecord } from './audit-store.ts'

/** How much of the trail the memory store keeps. */
export interface MemoryAuditStoreLimits {
  /** Records; the oldest are forgotten. Default 10,000. */
  readonly records: number
}

const defaults: MemoryAuditStoreLimits = Object.freeze({ records: 10_000 })

/** The newest part of the audit trail, in the memory of this process. */
export class MemoryAuditStore implements AuditStore {
  readonly #limits: MemoryAuditStoreLimits
  #records: AuditRecord[] = []
  #next = 0

  constructor(limits: Partial<MemoryAuditStoreLimits>) {
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  async append(record: NewAuditRecord): Promise<void> {
    this.#records.push(deepFreeze({ ...structuredClone(record), position: this.#next }))
    this.#next += 1
    const { records } = this.#limits
    // A tenth at a time, so that not every record moves the whole trail.
    if (this.#records.length > records + records / 10) {
      this.#records = this.#records.slice(-records)
    }
  }

  async read({
    after = -1,
    limit = 100,
  }: {
    readonly after?: number | undefined
    readonly limit?: number | undefined
  } = {}): Promise<AuditPage> {
    assertSystem('inspect')
    checkedLimit('limit', limit, 1)
    const newer = this.#records
      .slice(-this.#limits.records)
      .filter(({ position }) => position > after)
    const records = newer.slice(0, Math.min(limit, 1_000))
    return newer.length > records.length ? { records, next: records.at(-1)?.position } : { records }
  }

  /** For the system scope: what is kept. */
  get records(): number {
    return Math.min(this.#records.length, this.#limits.records)
  }

  clear(): void {
    this.#records = []
  }
}
