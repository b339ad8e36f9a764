import type { StepHold } from '../ledger/step-holds.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'
import type { ExecutionContext } from './execution-context.ts'

/** Charges what was used, then tells of it: what the run can no longer tell is charged all the same. */
export async function recordUsage(
  entry: UsageEntry,
  agent: string,
  { account, sink }: Pick<ExecutionContext, 'account' | 'sink'>,
  hold?: StepHold,
): Promise<void> {
  const priced = account.priced(entry)
  const charged = hold === undefined ? account.usage(agent, priced) : hold.settle(priced)
  if (charged !== undefined) await charged
  const told = sink.append({ type: 'usage_recorded', agent, data: priced })
  if (told !== undefined) await told
}
