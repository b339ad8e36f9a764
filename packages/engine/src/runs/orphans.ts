import type { Orphan } from '@ringfence/context'
import type { GuardedWork, OrphanGuard } from '../instances/orphan-guard.ts'
import type { EngineLogger } from '../logger.ts'
import { OrphanPool, type OrphanLimits } from '../scheduling/orphan-pool.ts'
import { ToolQuarantine, type QuarantineLimits } from '../scheduling/tool-quarantine.ts'

export interface OrphansOptions {
  readonly limits: OrphanLimits & QuarantineLimits
  readonly logger: EngineLogger | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** Whose orphans they are, and who else has to hear of them. */
export interface OrphanOwner {
  /** Canonical. */
  readonly owner: string
  /** What the log says of every one. */
  readonly fields: object
  readonly onOrphan?: (orphan: Orphan, work: GuardedWork) => void
}

/** Work that ignored its end: counted, logged, and bounded by what its owner may still start (I9). */
export class Orphans {
  readonly pool: OrphanPool
  readonly quarantine: ToolQuarantine
  readonly #logger: EngineLogger | undefined

  constructor({ limits, logger, now }: OrphansOptions) {
    this.pool = new OrphanPool(limits)
    this.quarantine = new ToolQuarantine(limits, now)
    this.#logger = logger
  }

  guard({ owner, fields, onOrphan }: OrphanOwner): OrphanGuard {
    return {
      admit: (tool) => {
        this.pool.refuseIfFull(owner)
        if (tool !== undefined) this.quarantine.refuse(owner, tool)
      },
      listenerOf: (work) => (orphan) => {
        const { label, scopeId, ended } = orphan
        this.pool.add(owner, ended)
        if (work.tool !== undefined) this.quarantine.add(owner, work.tool)
        this.#logger?.warn(
          { ...fields, ...work, scopeId, label },
          'work ignored its end and was fenced',
        )
        onOrphan?.(orphan, work)
      },
    }
  }
}
