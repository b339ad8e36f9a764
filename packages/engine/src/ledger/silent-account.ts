import type { LedgerAccount, LedgerWindowSums } from '../store/ledger-store.ts'
import { noBudgets } from './budget.ts'
import { noAmounts } from './ledger-amounts.ts'
import { windowAt } from './ledger-window.ts'
import { OpenAccounts } from './open-accounts.ts'
import { RunAccount } from './run-account.ts'

/** For an instance without an engine: there is nobody who could read what it used. */
const silentAccount: LedgerAccount = Object.freeze<LedgerAccount>({
  charge: async () => undefined,
  hold: async () => undefined,
  settle: async () => undefined,
  standings: async () => [],
  sums: async (period, at): Promise<LedgerWindowSums> => ({
    ...windowAt(period, at),
    all: noAmounts,
    agents: {},
  }),
  windows: async () => [],
  run: async () => undefined,
})

/** An account that charges nobody and limits nothing. */
export function silentRunAccount(): RunAccount {
  return new RunAccount({
    account: silentAccount,
    owner: '',
    agent: '',
    budgets: noBudgets,
    prices: {},
    open: new OpenAccounts(),
    now: Date.now,
    onLost: () => undefined,
    onUnpriced: () => undefined,
  })
}
