import type { AgentExecution } from '@ringfence/engine'
import { type Analysis, createAnalysis } from '../analysis.ts'
import type { PriceTable } from '../prices/price-table.ts'
import type { OwnedWorkload } from './owned-workload.ts'

/** Makes the analysis of one stage over rows that triage read: it stops when that stage is told to. */
export const openAnalysis = (
  rows: OwnedWorkload,
  prices: PriceTable,
  { signal }: AgentExecution,
): Analysis => {
  const analysis = createAnalysis({ prices, signal })
  analysis.keep(rows.open())
  return analysis
}
