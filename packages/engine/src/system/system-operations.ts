import { isOutside, runOutside, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { AuditPage, AuditResource } from '../store/audit-store.ts'
import type { EngineStore } from '../store/engine-store.ts'
import type {
  ClaimedRun,
  ClaimOptions,
  Forgotten,
  Migrated,
  StoreInspection,
  Swept,
} from '../store/system-store.ts'
import { runAsSystem, type SystemOperation } from './system-scope.ts'

/** Who operates, and why: for the audit trail. */
export interface SystemOperator {
  /** A job, a command, a person on call. Not empty. */
  readonly name: string
  readonly reason?: string | undefined
}

/**
 * Everything that crosses owners (I8), for jobs and operators. Each runs in the system scope, which has no user, and
 * leaves two lines on the audit trail: that it began, and how it ended. What cannot be recorded does not happen.
 */
export interface SystemOperations {
  /** Takes over runs whose process has gone. None with the memory store. */
  claim(options: Omit<ClaimOptions, 'now'>): Promise<readonly ClaimedRun[]>
  /** Removes idempotency keys and lets approvals expire whose time is over. */
  sweep(): Promise<Swept>
  /** Brings the store into its newest shape. */
  migrate(): Promise<Migrated>
  /** How much is kept: counts, nothing of anybody. */
  inspect(): Promise<StoreInspection>
  /** The audit trail, oldest first. */
  trail(page?: {
    readonly after?: number | undefined
    readonly limit?: number | undefined
  }): Promise<AuditPage>
  /**
   * Ends everything that the owner has going in this process, then removes all that is kept of them but for the
   * audit trail, and says what that was. Whether they may come back is for whoever authenticates them.
   */
  forget(owner: Owner): Promise<Forgotten>
}

export interface SystemOperationsOptions {
  readonly store: EngineStore
  readonly operator: SystemOperator
  readonly now: () => number
  /** Ends the owner's runs in this process. Resolves when they have their terminal events. */
  readonly endRuns: (owner: Owner) => Promise<void>
}

/** Throws `SYSTEM_ONLY` inside anybody's scope: what a request's code reaches is its user's alone. */
export function systemOperations(options: SystemOperationsOptions): SystemOperations {
  const { store, operator, now, endRuns } = options
  const { name, reason } = operator
  if (typeof name !== 'string' || name.trim() === '') {
    throw new TypeError('Expected the `name` of whoever operates')
  }
  refuseUsers()

  async function audited<Result>(
    action: SystemOperation,
    resource: AuditResource,
    work: () => Promise<Result>,
    countsOf: (result: Result) => Readonly<Record<string, number>>,
  ): Promise<Result> {
    refuseUsers()
    const line = {
      actor: { kind: 'system', name },
      action,
      resource,
      ...(reason === undefined ? {} : { reason }),
    } as const
    const at = (): string => new Date(now()).toISOString()
    return runAsSystem(action, async () => {
      await store.audit.append({ ...line, outcome: 'begun', at: at() })
      try {
        const result = await work()
        await store.audit.append({ ...line, outcome: 'done', counts: countsOf(result), at: at() })
        return result
      } catch (error) {
        await store.audit.append({ ...line, outcome: 'failed', at: at() })
        throw error
      }
    })
  }

  const whole: AuditResource = { type: 'store' }
  return Object.freeze<SystemOperations>({
    claim: (claim) =>
      audited(
        'claim',
        { type: 'runs' },
        () => store.system.claim({ ...claim, now: now() }),
        (runs) => ({ runs: runs.length }),
      ),
    sweep: () =>
      audited(
        'sweep',
        whole,
        () => store.system.sweep(now()),
        (swept) => ({ ...swept }),
      ),
    migrate: () =>
      audited(
        'migrate',
        whole,
        () => store.system.migrate(),
        (migrated) => ({ ...migrated }),
      ),
    inspect: () =>
      audited(
        'inspect',
        whole,
        () => store.system.inspect(),
        () => ({}),
      ),
    trail: (page) =>
      audited(
        'inspect',
        { type: 'audit trail' },
        () => store.audit.read(page),
        ({ records }) => ({ records: records.length }),
      ),
    forget: (owner) =>
      audited(
        'forget',
        { type: 'owner', owner },
        async () => {
          await runOutside(() => endRuns(owner))
          return store.system.forget(owner)
        },
        (forgotten) => ({ ...forgotten }),
      ),
  })
}

function refuseUsers(): void {
  if (isOutside()) return
  throw new EngineError(
    'SYSTEM_ONLY',
    'Operations that cross owners cannot be reached from the scope of one. Run them from a job, or in runOutside() ' +
      'after checking who asks.',
  )
}
