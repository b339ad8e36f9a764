import { MemoryStore, type LedgerAccount, type LedgerStore } from '../../src/index.ts'

/** A ledger that works unless it is told to fail. */
export class FailingLedgerStore implements LedgerStore {
  readonly #store = new MemoryStore().ledger
  failing = false

  account(): LedgerAccount {
    const account = this.#store.account()
    const attempt = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (this.failing) throw new Error('the ledger cannot be reached')
      return work()
    }
    return {
      charge: (entry) => attempt(() => account.charge(entry)),
      hold: (hold, limits) => attempt(() => account.hold(hold, limits)),
      settle: (holdId, entry) => attempt(() => account.settle(holdId, entry)),
      standings: (limits, at, runId) => attempt(() => account.standings(limits, at, runId)),
      sums: (period, at) => attempt(() => account.sums(period, at)),
      windows: (period, limit) => attempt(() => account.windows(period, limit)),
      run: (runId) => attempt(() => account.run(runId)),
    }
  }
}
