import type { LedgerAccount } from '../store/ledger-store.ts'
import { MemoryLedgerAccount } from '../store/memory-ledger-account.ts'
import { increase, noAmounts, type GrowingAmounts, type SomeAmounts } from './ledger-amounts.ts'

export interface PendingChargesOptions {
  readonly account: LedgerAccount
  /** Absent for what executes outside a run. */
  readonly runId?: string | undefined
  readonly now: () => number
  /** Told when something could not be stored. It is tried again with what comes next. */
  readonly onLost: (error: unknown) => void
}

/** What is charged to an account and not stored yet, by agent. */
export class PendingCharges {
  readonly #options: PendingChargesOptions
  readonly #amounts = new Map<string, GrowingAmounts>()
  #writing: Promise<void> | undefined
  #forgotten = false

  constructor(options: PendingChargesOptions) {
    this.#options = options
  }

  /** Whether what is written is kept no longer than what is not. */
  get inMemory(): boolean {
    return MemoryLedgerAccount.is(this.#options.account)
  }

  /** Whether there are any. */
  get some(): boolean {
    return this.#amounts.size > 0
  }

  add(agent: string, amounts: SomeAmounts): void {
    if (this.#forgotten) return
    let pending = this.#amounts.get(agent)
    if (pending === undefined) {
      pending = { ...noAmounts }
      this.#amounts.set(agent, pending)
    }
    increase(pending, amounts)
  }

  /** Nothing is charged any more. */
  forget(): void {
    this.#forgotten = true
    this.#amounts.clear()
  }

  /** Resolves when everything is stored that was charged so far, or could not be; undefined where it is. */
  written(): Promise<void> | undefined {
    return this.#writing === undefined ? this.write() : this.#writing.then(() => this.write())
  }

  /** One write at a time: what is charged meanwhile goes with it. Undefined where nothing is to be waited for. */
  write(): Promise<void> | undefined {
    if (!this.some || this.#writing !== undefined) return this.#writing
    return this.#writeNow() ? undefined : (this.#writing = this.#writeAll())
  }

  /** Where the books take it at once. False where they do not, or would not: then it is still to be written. */
  #writeNow(): boolean {
    const { account, runId, now, onLost } = this.#options
    try {
      for (const [agent, amounts] of this.#amounts) {
        if (!MemoryLedgerAccount.chargeNow(account, { runId, agent, at: now(), amounts }))
          return false
        this.#amounts.delete(agent)
      }
    } catch (error) {
      onLost(error)
    }
    return true
  }

  async #writeAll(): Promise<void> {
    const { account, runId, now, onLost } = this.#options
    try {
      for (let next = this.#take(); next !== undefined; next = this.#take()) {
        const [agent, amounts] = next
        try {
          await account.charge({ runId, agent, at: now(), amounts })
        } catch (error) {
          this.add(agent, amounts)
          onLost(error)
          return
        }
      }
    } finally {
      this.#writing = undefined
    }
  }

  #take(): readonly [string, GrowingAmounts] | undefined {
    const [next] = this.#amounts
    if (next !== undefined) this.#amounts.delete(next[0])
    return next
  }
}
