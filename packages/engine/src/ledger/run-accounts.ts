import { canonicalOwner, currentScope, type Scope } from '@ringfence/context'
import type { EngineLogger } from '../logger.ts'
import type { LedgerStore } from '../store/ledger-store.ts'
import { loggedFailure } from '../store/store-failure.ts'
import { noBudgets, resolveBudgets, type BudgetSource, type ResolvedBudgets } from './budget.ts'
import { OpenAccounts } from './open-accounts.ts'
import { createOwnerLedger, type OwnerLedger } from './owner-ledger.ts'
import { checkedPrices, type PriceTable } from './price-table.ts'
import { RunAccount } from './run-account.ts'

export interface RunAccountsOptions {
  readonly store: LedgerStore
  readonly budgets: BudgetSource | undefined
  readonly prices: PriceTable | undefined
  readonly logger: EngineLogger | undefined
  /** Whether there is an agent of that name that the engine knows of. */
  readonly knows: (agent: string) => boolean
  readonly now: () => number
}

const mostWarnings = 100

/** The accounts of an engine's runs, and their owners' way to read them. */
export class RunAccounts {
  readonly #options: RunAccountsOptions
  readonly #prices: PriceTable
  readonly #budgetsOf: (scope: Scope) => ResolvedBudgets
  readonly #open = new OpenAccounts()
  /** Models, and agents in budgets, that were warned of. */
  readonly #unpriced = new Set<string>()
  readonly #strangers = new Set<string>()
  readonly ledger: OwnerLedger

  /** Throws TypeError for a price or a budget that is none. */
  constructor(options: RunAccountsOptions) {
    const { store, budgets, now } = options
    this.#options = options
    this.#prices = checkedPrices(options.prices ?? {})
    this.#budgetsOf = budgetsBy(budgets, (resolved) => this.#warnOfStrangers(resolved))
    this.ledger = createOwnerLedger({ store, open: this.#open, budgetsOf: this.#budgetsOf, now })
  }

  /** The account of a run of the current scope's owner, or of what executes outside a run. */
  open(agent: string, runId?: string): RunAccount {
    const { store, logger, now } = this.#options
    const scope = currentScope()
    return new RunAccount({
      account: store.account(),
      owner: canonicalOwner(scope.owner),
      runId,
      agent,
      budgets: this.#budgetsOf(scope),
      prices: this.#prices,
      open: this.#open,
      now,
      onLost: (error) =>
        logger?.error({ ...loggedFailure(error), runId, agent }, 'usage could not be stored'),
      onUnpriced: (model) => this.#warn(model ?? '', agent),
    })
  }

  /** Charges what is still going on up to now. */
  async settle(): Promise<void> {
    await this.#open.catchUpAll()
  }

  /** Charges nothing more to an owner for what was begun so far: all that is kept of them is removed. */
  forget(owner: string): void {
    this.#open.forget(owner)
  }

  /** Once for each model, and not without end. Silent where there are no prices: then nobody counts money. */
  #warn(model: string, agent: string): void {
    if (Object.keys(this.#prices).length === 0 || this.#unpriced.has(model)) return
    if (this.#unpriced.size >= mostWarnings) return
    this.#unpriced.add(model)
    this.#options.logger?.warn({ model, agent }, 'a model has no price, and its use costs nothing')
  }

  /** A misspelt name would limit nothing, and nobody would know. An agent that is only delegated to may have a budget, too. */
  #warnOfStrangers({ limits }: ResolvedBudgets): void {
    for (const { agent } of limits) {
      if (agent === undefined || this.#options.knows(agent) || this.#strangers.has(agent)) continue
      if (this.#strangers.size >= mostWarnings) return
      this.#strangers.add(agent)
      this.#options.logger?.warn({ agent }, 'there is a budget for an agent that is not registered')
    }
  }
}

/** What is the same for all is looked at once; what depends on the user, when they are there. */
function budgetsBy(
  source: BudgetSource | undefined,
  look: (resolved: ResolvedBudgets) => void,
): (scope: Scope) => ResolvedBudgets {
  if (source === undefined) return () => noBudgets
  if (typeof source !== 'function') {
    const resolved = resolveBudgets(source)
    look(resolved)
    return () => resolved
  }
  const known = new WeakMap<object, ResolvedBudgets>()
  return (scope) => {
    const options = source(scope.context)
    const before = known.get(options)
    if (before !== undefined) return before
    const resolved = resolveBudgets(options)
    look(resolved)
    known.set(options, resolved)
    return resolved
  }
}
