import type { StepHold } from '../ledger/step-holds.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'
import type { ExecutionContext } from './execution-context.ts'

/**
 * Charges what was used, then tells of it: what the run can no longer tell is charged all the same. Undefined where
 * nothing is to be waited for. Throws TypeError for an entry that is none.
 */
export function recordUsage(
  entry: UsageEntry,
  agent: string,
  { account, sink }: Pick<ExecutionContext, 'account' | 'sink'>,
  hold?: StepHold,
): Promise<void> | undefined {
  const priced = account.priced(entry)
  const tell = (): Promise<void> | undefined =>
    sink.append({ type: 'usage_recorded', agent, data: priced })
  const charged = hold === undefined ? account.usage(agent, priced) : hold.settle(priced)
  return charged === undefined ? tell() : charged.then(tell)
}
