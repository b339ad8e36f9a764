import type { UsageEntry } from '../ledger/usage-entry.ts'
import type { BudgetReservation } from './agent-execution.ts'
import type { ExecutionContext } from './execution-context.ts'
import { recordUsage } from './record-usage.ts'

/** Sets aside what a step is expected to use, until it says what it has used. */
export async function reserveBudget(
  estimate: UsageEntry,
  agent: string,
  context: Pick<ExecutionContext, 'account' | 'sink'>,
): Promise<BudgetReservation> {
  const hold = await context.account.reserve(agent, estimate)
  let open = true
  const once = async (close: () => Promise<void> | undefined): Promise<void> => {
    if (!open) return
    open = false
    await close()
  }
  return Object.freeze<BudgetReservation>({
    settle: (entry) => once(() => recordUsage(entry, agent, context, hold)),
    release: () => once(() => hold.settle({})),
  })
}
