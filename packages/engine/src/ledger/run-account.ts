import { EngineError } from '../errors/engine-error.ts'
import type { LedgerAccount } from '../store/ledger-store.ts'
import type { Budget, ResolvedBudgets } from './budget.ts'
import type { SomeAmounts } from './ledger-amounts.ts'
import type { MeteredAccount, OpenAccounts } from './open-accounts.ts'
import { PendingCharges } from './pending-charges.ts'
import { costOf, type PriceTable } from './price-table.ts'
import { StepHolds, type StepHold } from './step-holds.ts'
import { checkedUsage, copiedUsage, type UsageEntry } from './usage-entry.ts'

export interface RunAccountOptions {
  readonly account: LedgerAccount
  /** The canonical owner: whose other runs have to be caught up with before a budget is checked. */
  readonly owner: string
  /** Absent for what executes outside a run. */
  readonly runId?: string | undefined
  /** The run's own agent. */
  readonly agent: string
  readonly budgets: ResolvedBudgets
  readonly prices: PriceTable
  readonly open: OpenAccounts
  readonly now: () => number
  /** Told when something could not be stored. It is tried again with what comes next. */
  readonly onLost: (error: unknown) => void
  /** Told of a model that costs something nobody knows. */
  readonly onUnpriced: (model: string | undefined) => void
}

const oneRun: Budget = Object.freeze({ runs: 1 })

/**
 * What one run charges to its owner. Without a budget it writes usage at once, where that is kept longer for it, and the rest when the run ends;
 * with one, everything before the next step is checked.
 */
export class RunAccount implements MeteredAccount {
  readonly #options: RunAccountOptions
  /** Since when each orphan has not been charged. */
  readonly #orphans = new Set<{ since: number }>()
  readonly #pending: PendingCharges
  readonly #holds: StepHolds
  #runningSince: number | undefined

  constructor(options: RunAccountOptions) {
    this.#options = options
    this.#pending = new PendingCharges(options)
    this.#holds = new StepHolds(options, this.#pending)
  }

  /** Whether anything is limited. */
  get limited(): boolean {
    return this.#options.budgets.limits.length > 0
  }

  /** The run begins. Rejects with `BUDGET_EXCEEDED`; then nothing was charged. */
  begin(): Promise<void> | undefined {
    if (this.limited) return this.#beginLimited()
    this.#begin()
    this.charge(this.#options.agent, oneRun)
    return undefined
  }

  async #beginLimited(): Promise<void> {
    const hold = await this.#hold(this.#options.agent, oneRun)
    this.#begin()
    await hold.settle(oneRun)
  }

  #begin(): void {
    const { owner, open, now } = this.#options
    this.#runningSince = now()
    open.add(owner, this)
  }

  /** The run is over: charges the rest, and what was set aside and never settled as it stands. */
  end(): Promise<void> | undefined {
    this.#meter()
    this.#runningSince = undefined
    return this.#holds.some ? this.#endHolds() : this.#caughtUp()
  }

  async #endHolds(): Promise<void> {
    await this.#holds.settleAll()
    await this.#caughtUp()
  }

  /** A step that uses nothing by itself. Rejects with `BUDGET_EXCEEDED` where nothing is left. */
  async check(agent: string): Promise<void> {
    await this.#hold(agent, {})
  }

  /** Sets something aside for a step. Rejects with `BUDGET_EXCEEDED`; resolves at once where nothing is limited. */
  hold(agent: string, amounts: Budget): StepHold | Promise<StepHold> {
    return this.limited ? this.#hold(agent, amounts) : this.#freeHold(agent)
  }

  async #hold(agent: string, amounts: Budget): Promise<StepHold> {
    const { open, owner } = this.#options
    await open.catchUp(owner)
    await this.catchUp()
    return this.#holds.hold(agent, amounts)
  }

  /** Without a budget nothing is set aside. */
  #freeHold(agent: string): StepHold {
    let open = true
    return {
      settle: (used) => {
        if (open) this.charge(agent, used)
        open = false
        return undefined
      },
    }
  }

  /** Sets aside what a model step is expected to use. Rejects with `BUDGET_EXCEEDED` and `UNPRICED_MODEL`. */
  async reserve(agent: string, estimate: UsageEntry): Promise<StepHold> {
    const { budgets, prices } = this.#options
    const { model, ...expected } = checkedUsage(estimate)
    const step = Object.keys(expected).length === 0 ? budgets.modelStep : expected
    const costMicros = costOf(prices, { model, ...step })
    if (
      costMicros === undefined &&
      budgets.limits.some(({ measure }) => measure === 'costMicros')
    ) {
      throw new EngineError(
        'UNPRICED_MODEL',
        `The model "${model ?? '(none)'}" has no price, and there is a budget for cost. Add it to \`prices\`, or a price for "*".`,
      )
    }
    return this.hold(agent, { ...step, costMicros: costMicros ?? 0 })
  }

  /** What an entry says and costs. Throws TypeError for one that is none. */
  priced(entry: UsageEntry): UsageEntry & { readonly costMicros: number } {
    const checked = copiedUsage(entry)
    const costMicros = costOf(this.#options.prices, checked)
    if (costMicros === undefined) this.#options.onUnpriced(checked.model)
    checked.costMicros = costMicros ?? 0
    // It has its cost now.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Object.freeze(checked) as UsageEntry & { readonly costMicros: number }
  }

  /**
   * Charges what an entry says, and stores it. Never rejects: what cannot be stored is tried again. Books that are in this
   * process are gone with it, stored or not: there it is stored when somebody looks, or when the run ends.
   */
  usage(agent: string, entry: UsageEntry): Promise<void> | undefined {
    this.#pending.add(agent, entry)
    const waits = !this.limited && this.#runningSince !== undefined && this.#pending.inMemory
    return waits ? undefined : this.#pending.write()
  }

  /** Charges something; it is stored with what comes next, or at once where there is a budget. */
  charge(agent: string, amounts: SomeAmounts): void {
    this.#pending.add(agent, amounts)
    if (this.limited || this.#runningSince === undefined) void this.#pending.write()
  }

  /** Charges the time that this work still takes, until it really ends. */
  orphan(ended: Promise<unknown>): void {
    const { open, owner, now } = this.#options
    const orphan = { since: now() }
    this.#orphans.add(orphan)
    open.add(owner, this)
    const end = (): void => {
      this.#meter()
      this.#orphans.delete(orphan)
      void this.catchUp()
    }
    ended.then(end, end)
  }

  /** Charges what has not been charged, and lets go of what is over. What could not be stored is tried again: it is not over. */
  async catchUp(): Promise<void> {
    const caughtUp = this.#caughtUp()
    if (caughtUp !== undefined) await caughtUp
  }

  /** The same; undefined where there is nothing to wait for. */
  #caughtUp(): Promise<void> | undefined {
    this.#meter()
    const written = this.#pending.written()
    if (written !== undefined) return written.then(() => this.#letGo())
    this.#letGo()
    return undefined
  }

  #letGo(): void {
    const { open, owner } = this.#options
    if (this.#orphans.size > 0 || this.#runningSince !== undefined) return
    if (this.#pending.some) open.owe(owner, this)
    else open.remove(owner, this)
  }

  /** Its owner is forgotten: nothing is charged to them any more. */
  forget(): void {
    this.#pending.forget()
  }

  /** Charges the time since it was last charged. */
  #meter(): void {
    const { agent, now } = this.#options
    const at = now()
    const since = (begin: number): number => Math.max(0, Math.round(at - begin))
    if (this.#runningSince !== undefined) {
      this.#pending.add(agent, { runMs: since(this.#runningSince) })
      this.#runningSince = at
    }
    for (const orphan of this.#orphans) {
      this.#pending.add(agent, { orphanMs: since(orphan.since) })
      orphan.since = at
    }
  }
}
