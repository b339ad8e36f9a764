import * as z from 'zod'
import type { Analysis } from '../analysis.ts'
import type { NameColumn } from '../log/column-builder.ts'
import type { Workload } from '../log/workload.ts'
import { toDollars } from '../money.ts'
import type { Pace } from '../pace.ts'
import { createPricing, type Pricing } from '../prices/pricing.ts'
import { displayName } from '../report/display-name.ts'
import { count } from '../report/format.ts'
import {
  type CallsPerMinute,
  callsPerMinute,
  countCallsPerMinute,
} from '../statistics/calls-per-minute.ts'
import { firstFew } from '../statistics/first-few.ts'
import { computePercentiles, type Percentiles, percentiles } from '../statistics/percentiles.ts'
import { type Spend, spend, sumSpend } from '../statistics/spend.ts'
import { type TriageOutput, triageOutput } from './triage.ts'

export interface DataInput {
  readonly triage: TriageOutput
}

export const dataInput: z.ZodType<DataInput> = z.object({ triage: triageOutput })

/** The sums over all calls. */
export interface Totals {
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** The part of the input that came from the provider's cache; null where the log does not say. */
  readonly cachedInputTokens: number | null
  /** Null where the log has no status and no error. */
  readonly failedCalls: number | null
  /** What the priced calls cost; null where no call has a price. */
  readonly costUsd: number | null
  readonly pricedCalls: number
  readonly unpricedCalls: number
}

/** How long the calls took, in milliseconds, over the calls that say so. */
export interface Latency extends Percentiles {
  readonly calls: number
}

/** Where the money and the time go. */
export interface DataOutput {
  readonly totals: Totals
  readonly tokens: { readonly input: Percentiles; readonly output: Percentiles }
  readonly latency: Latency | null
  readonly callsPerMinute: CallsPerMinute | null
  readonly spendByModel: readonly Spend[] | null
  readonly spendByFeature: readonly Spend[] | null
  readonly notes: readonly string[]
}

export const totals: z.ZodType<Totals> = z.object({
  calls: z.int().min(1),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cachedInputTokens: z.int().min(0).nullable(),
  failedCalls: z.int().min(0).nullable(),
  costUsd: z.number().min(0).nullable(),
  pricedCalls: z.int().min(0),
  unpricedCalls: z.int().min(0),
})

export const latency: z.ZodType<Latency> = z.object({
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  calls: z.int().min(1),
})

export const dataOutput: z.ZodType<DataOutput> = z.object({
  totals,
  tokens: z.object({ input: percentiles, output: percentiles }),
  latency: latency.nullable(),
  callsPerMinute: callsPerMinute.nullable(),
  spendByModel: z.array(spend).nullable(),
  spendByFeature: z.array(spend).nullable(),
  notes: z.array(z.string()),
})

/** Computes where the money and the time go, over the rows that triage kept. */
export const data = async (_input: DataInput, analysis: Analysis): Promise<DataOutput> => {
  const { workload, pace, prices } = analysis
  const pricing = createPricing(workload, prices)
  const byName = async (column: NameColumn | null): Promise<Spend[] | null> =>
    column === null ? null : sumSpend(workload, column, pricing, pace)
  const summed = await sumTotals(workload, pricing, pace)
  return {
    totals: summed.totals,
    tokens: {
      input: await computePercentiles(workload.inputTokens, pace),
      output: await computePercentiles(workload.outputTokens, pace),
    },
    latency: await computeLatency(workload, pace),
    callsPerMinute: await countCallsPerMinute(workload, pricing, pace),
    spendByModel: await byName(workload.models),
    spendByFeature: await byName(workload.features),
    notes: await describePrices(analysis, summed),
  }
}

interface Summed {
  readonly totals: Totals
  /** Calls whose cost the log itself says. */
  readonly loggedCalls: number
  /** The models that have calls without a price. */
  readonly unpricedModels: ReadonlySet<number>
}

const sumTotals = async (workload: Workload, pricing: Pricing, pace: Pace): Promise<Summed> => {
  const { rows, cachedTokens, failed, models } = workload
  const unpricedModels = new Set<number>()
  let [cost, pricedCalls, loggedCalls, cached, failedCalls] = [0n, 0, 0, 0, 0]
  for (let row = 0; row < rows; row += 1) {
    const paid = pricing.paid(row)
    cost += paid ?? 0n
    if (paid !== null) pricedCalls += 1
    else unpricedModels.add(models?.ids[row] ?? 0)
    if (pricing.isLogged(row)) loggedCalls += 1
    cached += cachedTokens?.[row] ?? 0
    failedCalls += failed?.[row] ?? 0
    if (pace.due()) await pace.turn()
  }
  const sums: Totals = {
    calls: rows,
    inputTokens: workload.sums.inputTokens,
    outputTokens: workload.sums.outputTokens,
    cachedInputTokens: cachedTokens === null ? null : cached,
    failedCalls: failed === null ? null : failedCalls,
    costUsd: pricedCalls === 0 ? null : toDollars(cost),
    pricedCalls,
    unpricedCalls: rows - pricedCalls,
  }
  return { totals: sums, loggedCalls, unpricedModels }
}

const describePrices = async (
  { workload, prices, pace }: Analysis,
  summed: Summed,
): Promise<string[]> => {
  const { pricedCalls, unpricedCalls } = summed.totals
  const notes: string[] = []
  const fromTable = pricedCalls - summed.loggedCalls
  if (summed.loggedCalls > 0) {
    notes.push(`The log itself says the cost of ${count(summed.loggedCalls, 'call')}.`)
  }
  if (fromTable > 0) {
    const table = `the table of prices as of ${displayName(prices.asOf)}`
    notes.push(`The cost of ${count(fromTable, 'call')} is computed by ${table}.`)
  }
  if (unpricedCalls === 0) return notes
  const without = `No price is known for ${count(unpricedCalls, 'call')}, left out of all money`
  if (workload.models === null) return [...notes, `${without}.`]
  const { names } = workload.models
  const byName = (a: number, b: number): number => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1)
  const models = await firstFew(summed.unpricedModels, 10, byName, pace)
  const shown = models.map((id) => displayName(names[id] ?? '') || '(no model)')
  const listed = `${shown.join(', ')}${summed.unpricedModels.size > 10 ? ', …' : ''}`
  return [...notes, `${without}; the table of prices lacks: ${listed}.`]
}

const computeLatency = async (workload: Workload, pace: Pace): Promise<Latency | null> => {
  const known = workload.latencies?.filter((micros) => !Number.isNaN(micros))
  if (known === undefined || known.length === 0) return null
  const { p50, p95, p99 } = await computePercentiles(known, pace)
  return { p50: p50 / 1000, p95: p95 / 1000, p99: p99 / 1000, calls: known.length }
}
