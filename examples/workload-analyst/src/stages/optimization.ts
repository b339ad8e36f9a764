import * as z from 'zod'
import type { Analysis } from '../analysis.ts'
import { bySaving, type Finding, finding } from '../findings/finding.ts'
import { findLongOutputs } from '../findings/long-outputs.ts'
import { findPaidFailures } from '../findings/paid-failures.ts'
import { findRepeatedRequests } from '../findings/repeated-requests.ts'
import { orderByTime, type Search } from '../findings/search.ts'
import { findSmallCalls } from '../findings/small-calls.ts'
import { findUncachedPrefix } from '../findings/uncached-prefix.ts'
import { toDollars } from '../money.ts'
import { createPricing } from '../prices/pricing.ts'
import { type DataOutput, dataOutput } from './data.ts'
import { type TriageOutput, triageOutput } from './triage.ts'

export interface OptimizationInput {
  readonly triage: TriageOutput
  readonly data: DataOutput
}

export const optimizationInput: z.ZodType<OptimizationInput> = z.object({
  triage: triageOutput,
  data: dataOutput,
})

/** The inefficiencies of the log. */
export interface OptimizationOutput {
  /** The largest saving first. */
  readonly findings: readonly Finding[]
  /**
   * What the findings save together at least: each call counts once, with its largest saving. Null
   * where no call has a price.
   */
  readonly combinedSavingUsd: number | null
  readonly notes: readonly string[]
}

export const optimizationOutput: z.ZodType<OptimizationOutput> = z.object({
  findings: z.array(finding),
  combinedSavingUsd: z.number().min(0).nullable(),
  notes: z.array(z.string()),
})

const searches = [
  findRepeatedRequests,
  findSmallCalls,
  findPaidFailures,
  findUncachedPrefix,
  findLongOutputs,
]

/** Looks for the inefficiencies in the rows that triage kept. */
export const optimization = async (
  input: OptimizationInput,
  analysis: Analysis,
): Promise<OptimizationOutput> => {
  const { workload, pace, prices } = analysis
  const pricing = createPricing(workload, prices)
  const needsOrder = workload.prompts !== null || workload.prefixes !== null
  const search: Search = {
    workload,
    pricing,
    pace,
    largest: new Map(),
    order: needsOrder ? await orderByTime(workload, pricing, pace) : new Float64Array(),
  }
  const findings: Finding[] = []
  const notes: string[] = []
  for (const find of searches) {
    const result = await find(search)
    if (result.finding !== undefined) findings.push(result.finding)
    if (result.note !== undefined) notes.push(result.note)
  }
  let combined = 0n
  for (const amount of search.largest.values()) combined += amount
  return {
    findings: findings.toSorted(bySaving),
    combinedSavingUsd: input.data.totals.pricedCalls === 0 ? null : toDollars(combined),
    notes,
  }
}
