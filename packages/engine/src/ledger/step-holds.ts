import { tryCurrentScope } from '@ringfence/context'
import type { LedgerAccount } from '../store/ledger-store.ts'
import { budgetExceeded, type Budget, type ResolvedBudgets } from './budget.ts'
import type { SomeAmounts } from './ledger-amounts.ts'
import type { PendingCharges } from './pending-charges.ts'

/** What is set aside for one step. */
export interface StepHold {
  /**
   * Gives it back, and charges what was used instead. The first call counts. Undefined where there is nothing to
   * wait for.
   */
  settle(amounts: SomeAmounts): Promise<void> | undefined
}

export interface StepHoldsOptions {
  readonly account: LedgerAccount
  readonly runId?: string | undefined
  readonly budgets: ResolvedBudgets
  readonly now: () => number
  readonly onLost: (error: unknown) => void
}

// Whoever crashed gives nothing back: a hold is forgotten so long after the step's own deadline.
const expiryMs = 60_000
const longestMs = 3_600_000

/** What a run has set aside in the books of its owner, and not settled yet. */
export class StepHolds {
  readonly #options: StepHoldsOptions
  readonly #pending: PendingCharges
  readonly #open = new Map<string, { readonly agent: string; readonly amounts: Budget }>()
  #count = 0

  constructor(options: StepHoldsOptions, pending: PendingCharges) {
    this.#options = options
    this.#pending = pending
  }

  /** Whether there are any. */
  get some(): boolean {
    return this.#open.size > 0
  }

  /** Rejects with `BUDGET_EXCEEDED`. */
  async hold(agent: string, amounts: Budget): Promise<StepHold> {
    const { account, budgets, runId, now } = this.#options
    const at = now()
    const holdId = `${runId ?? globalThis.crypto.randomUUID()}:${(this.#count += 1)}`
    const expiresAt = at + expiryMs + timeLeft()
    const hold = { holdId, runId, agent, at, amounts, expiresAt }
    const standing = await account.hold(hold, budgets.limits)
    if (standing !== undefined) throw budgetExceeded(standing, at)
    this.#open.set(holdId, { agent, amounts })
    return { settle: (used) => this.#settle(holdId, agent, used) }
  }

  /** Charges what was never settled as it stands. */
  async settleAll(): Promise<void> {
    const holds = [...this.#open].map(([holdId, { agent, amounts }]) =>
      this.#settle(holdId, agent, amounts),
    )
    await Promise.all(holds)
  }

  async #settle(holdId: string, agent: string, used: SomeAmounts): Promise<void> {
    if (!this.#open.delete(holdId)) return
    const { account, runId, now, onLost } = this.#options
    try {
      await account.settle(holdId, { runId, agent, at: now(), amounts: used })
    } catch (error) {
      onLost(error)
      this.#pending.add(agent, used)
    }
  }
}

/** Milliseconds until the deadline of the current scope. */
function timeLeft(): number {
  const deadline = tryCurrentScope()?.deadline ?? Infinity
  return Math.min(longestMs, Math.max(0, deadline - Date.now()))
}
