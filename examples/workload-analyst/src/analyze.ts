import type { Analysis } from './analysis.ts'
import type { WorkloadResult } from './result.ts'
import { actions } from './stages/actions.ts'
import { data } from './stages/data.ts'
import { optimization } from './stages/optimization.ts'
import { reporting } from './stages/reporting.ts'
import { triage, type TriageInput } from './stages/triage.ts'

/**
 * Runs the five stages in order without agents around them: *triage → data → optimization →
 * actions → reporting*. Throws UNREADABLE_LOG, and the signal's reason where aborted.
 */
export const analyze = async (input: TriageInput, analysis: Analysis): Promise<WorkloadResult> => {
  const read = await triage(input, analysis)
  const computed = await data({ triage: read }, analysis)
  const found = await optimization({ triage: read, data: computed }, analysis)
  const answered = actions({ optimization: found })
  return reporting({ triage: read, data: computed, optimization: found, actions: answered })
}
