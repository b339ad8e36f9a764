import { canonicalOwner, type Owner } from '@ringfence/context'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { assertSystem } from '../system/system-scope.ts'
import type { LedgerAmounts, LedgerEntry, LedgerStore, LedgerSubject } from './ledger-store.ts'
import { ownerKey } from './owner-key.ts'

/** How much of the ledger the memory store keeps. */
export interface MemoryLedgerStoreLimits {
  /** Owners with an account; the one charged least recently is forgotten. Default 100,000. */
  readonly owners: number
  /** Runs of one owner whose own sums are kept; the oldest is forgotten, and stays in the owner's sum. Default 200. */
  readonly runsPerOwner: number
  /** Agents of one owner whose own sums are kept. Default 1,000. */
  readonly agentsPerOwner: number
}

const defaults: MemoryLedgerStoreLimits = Object.freeze({
  owners: 100_000,
  runsPerOwner: 200,
  agentsPerOwner: 1_000,
})

const nothing: LedgerAmounts = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  toolMs: 0,
  orphanMs: 0,
})

interface Account {
  total: LedgerAmounts
  readonly agents: Map<string, LedgerAmounts>
  readonly runs: Map<string, LedgerAmounts>
}

/** The ledger in the memory of this process. */
export class MemoryLedgerStore implements LedgerStore {
  readonly #limits: MemoryLedgerStoreLimits
  /** The account charged least recently first. */
  readonly #accounts = new Map<string, Account>()

  constructor(limits: Partial<MemoryLedgerStoreLimits>) {
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  async charge({ agent, runId, amounts }: LedgerEntry): Promise<void> {
    const key = ownerKey()
    const account = this.#accounts.get(key) ?? {
      total: nothing,
      agents: new Map<string, LedgerAmounts>(),
      runs: new Map<string, LedgerAmounts>(),
    }
    const { owners, runsPerOwner, agentsPerOwner } = this.#limits
    account.total = add(account.total, amounts)
    charge(account.agents, agent, amounts, agentsPerOwner)
    charge(account.runs, runId, amounts, runsPerOwner)
    this.#accounts.delete(key)
    this.#accounts.set(key, account)
    dropOldest(this.#accounts, owners)
  }

  async totals({ agent, runId }: LedgerSubject = {}): Promise<LedgerAmounts> {
    const account = this.#accounts.get(ownerKey())
    if (runId !== undefined) return account?.runs.get(runId) ?? nothing
    if (agent !== undefined) return account?.agents.get(agent) ?? nothing
    return account?.total ?? nothing
  }

  /** For the system scope: what is kept of all. */
  get accounts(): number {
    return this.#accounts.size
  }

  owners(): Iterable<string> {
    return this.#accounts.keys()
  }

  forget(owner: Owner): number {
    assertSystem('forget')
    return this.#accounts.delete(canonicalOwner(owner)) ? 1 : 0
  }

  clear(): void {
    this.#accounts.clear()
  }
}

function charge(
  sums: Map<string, LedgerAmounts>,
  name: string,
  amounts: Partial<LedgerAmounts>,
  most: number,
): void {
  const sum = add(sums.get(name) ?? nothing, amounts)
  sums.delete(name)
  sums.set(name, sum)
  dropOldest(sums, most)
}

function dropOldest(entries: Map<string, unknown>, most: number): void {
  for (const name of entries.keys()) {
    if (entries.size <= most) return
    entries.delete(name)
  }
}

function add(sum: LedgerAmounts, amounts: Partial<LedgerAmounts>): LedgerAmounts {
  return Object.freeze({
    inputTokens: sum.inputTokens + (amounts.inputTokens ?? 0),
    outputTokens: sum.outputTokens + (amounts.outputTokens ?? 0),
    cost: sum.cost + (amounts.cost ?? 0),
    toolMs: sum.toolMs + (amounts.toolMs ?? 0),
    orphanMs: sum.orphanMs + (amounts.orphanMs ?? 0),
  })
}
