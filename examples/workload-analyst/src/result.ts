import * as z from 'zod'
import { type Finding, finding } from './findings/finding.ts'
import { type Action, action } from './stages/actions.ts'
import { type DataOutput, latency, totals } from './stages/data.ts'
import { type TriageOutput, triageOutput } from './stages/triage.ts'
import { callsPerMinute } from './statistics/calls-per-minute.ts'
import { percentiles } from './statistics/percentiles.ts'
import { spend } from './statistics/spend.ts'

/** The answer of the whole analysis: what `agent_completed` carries as its result. */
export interface WorkloadResult extends DataOutput {
  readonly log: TriageOutput
  readonly findings: readonly Finding[]
  readonly combinedSavingUsd: number | null
  readonly actions: readonly Action[]
  /** What the reader must know: what the log lacks, where prices come from, how numbers are made. */
  readonly notes: readonly string[]
  /** Markdown; every name from the log is escaped. */
  readonly report: string
}

export const workloadResult: z.ZodType<WorkloadResult> = z.object({
  log: triageOutput,
  totals,
  tokens: z.object({ input: percentiles, output: percentiles }),
  latency: latency.nullable(),
  callsPerMinute: callsPerMinute.nullable(),
  spendByModel: z.array(spend).nullable(),
  spendByFeature: z.array(spend).nullable(),
  findings: z.array(finding),
  combinedSavingUsd: z.number().min(0).nullable(),
  actions: z.array(action),
  notes: z.array(z.string()),
  report: z.string(),
})
