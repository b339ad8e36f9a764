import * as z from 'zod'
import { writeReport } from '../report/write-report.ts'
import type { WorkloadResult } from '../result.ts'
import { type ActionsOutput, actionsOutput } from './actions.ts'
import { type DataOutput, dataOutput } from './data.ts'
import { type OptimizationOutput, optimizationOutput } from './optimization.ts'
import { type TriageOutput, triageOutput } from './triage.ts'

export interface ReportingInput {
  readonly triage: TriageOutput
  readonly data: DataOutput
  readonly optimization: OptimizationOutput
  readonly actions: ActionsOutput
}

export const reportingInput: z.ZodType<ReportingInput> = z.object({
  triage: triageOutput,
  data: dataOutput,
  optimization: optimizationOutput,
  actions: actionsOutput,
})

const method =
  'Percentiles are by nearest rank: the value at rank ⌈p/100 × n⌉ in ascending order. All calls count, also failed ones.'

/** Puts the results of the stages together and writes the report. */
export const reporting = (input: ReportingInput): WorkloadResult => {
  const { triage, data, optimization, actions } = input
  const result: Omit<WorkloadResult, 'report'> = {
    ...data,
    log: triage,
    findings: optimization.findings,
    combinedSavingUsd: optimization.combinedSavingUsd,
    actions: actions.actions,
    notes: [...triage.notes, ...data.notes, ...optimization.notes, method],
  }
  return { ...result, report: writeReport(result) }
}
