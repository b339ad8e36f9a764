import { canonicalOwner, currentScope, type Scope } from '@ringfence/context'
import { checkedLimit } from '../internal/checked-limit.ts'
import { notFound } from '../store/not-found.ts'
import type {
  BudgetStanding,
  LedgerStore,
  LedgerSums,
  LedgerWindowSums,
} from '../store/ledger-store.ts'
import type { ResolvedBudgets } from './budget.ts'
import { checkedPeriod, type LedgerPeriod } from './ledger-window.ts'
import type { OpenAccounts } from './open-accounts.ts'

/** Which window to read. */
export interface LedgerQuery {
  /** Default: `total`. */
  readonly period?: LedgerPeriod | undefined
  /** A moment in the window, epoch milliseconds. Default: now. */
  readonly at?: number | undefined
}

/**
 * What the owner of the current scope has used, up to now: also by what is still going on. There is no way to
 * read another owner's. Every method rejects with `NO_SCOPE` outside a scope.
 */
export interface OwnerLedger {
  /** The sums of one window, in all and by agent; zeros where nothing was used. */
  sums(query?: LedgerQuery): Promise<LedgerWindowSums>
  /** The newest windows in which something was used, newest first. `limit` defaults to 31. */
  windows(period: LedgerPeriod, limit?: number): Promise<readonly LedgerWindowSums[]>
  /**
   * What one run used, in all and by agent. Rejects with `RUN_NOT_FOUND` where this owner has none of that id
   * that began, or it is no longer kept.
   */
  run(runId: string): Promise<LedgerSums>
  /** Each limit of this owner's budgets per hour, day and month, and how much of it is gone. */
  budgets(): Promise<readonly BudgetStanding[]>
}

export interface OwnerLedgerSources {
  readonly store: LedgerStore
  readonly open: OpenAccounts
  readonly budgetsOf: (scope: Scope) => ResolvedBudgets
  readonly now: () => number
}

/** The ledger as its owner may read it. */
export function createOwnerLedger({
  store,
  open,
  budgetsOf,
  now,
}: OwnerLedgerSources): OwnerLedger {
  const opened = async (): Promise<ReturnType<LedgerStore['account']>> => {
    const account = store.account()
    await open.catchUp(canonicalOwner(currentScope().owner))
    return account
  }
  return Object.freeze<OwnerLedger>({
    sums: async ({ period = 'total', at = now() } = {}) =>
      (await opened()).sums(checkedPeriod(period), checkedMoment(at)),
    windows: async (period, limit = 31) => {
      checkedLimit('limit', limit, 1)
      return (await opened()).windows(checkedPeriod(period), limit)
    },
    run: async (runId) => {
      const sums = await (await opened()).run(runId)
      if (sums === undefined) throw notFound(runId)
      return sums
    },
    budgets: async () => {
      const { limits } = budgetsOf(currentScope())
      const account = await opened()
      return account.standings(
        limits.filter(({ window }) => window !== 'run'),
        now(),
      )
    },
  })
}

function checkedMoment(at: number): number {
  if (Number.isFinite(at)) return at
  throw new TypeError(`Expected \`at\` to be epoch milliseconds, got ${String(at)}`)
}
