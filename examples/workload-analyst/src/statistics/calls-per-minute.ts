import * as z from 'zod'
import type { Clock } from '../log/read-time.ts'
import type { Workload } from '../log/workload.ts'
import { toDollars } from '../money.ts'
import type { Pace } from '../pace.ts'
import type { Pricing } from '../prices/pricing.ts'

/** What happened in one interval of the series. */
export interface SeriesPoint {
  /** The start: an ISO 8601 time (UTC), or seconds since the recording began such as `+120s`. */
  readonly at: string
  /** Seconds from the start of the first interval. */
  readonly offsetSeconds: number
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** What the priced calls cost; null where none of the interval's calls has a price. */
  readonly costUsd: number | null
}

/** How many calls were made a minute, and when. Minutes begin at second 0 of the log's clock. */
export interface CallsPerMinute {
  /** Calls divided by the minutes from the first call's to the last call's, both included. */
  readonly average: number
  /** The minute with the most calls, the earliest of several. */
  readonly peak: { readonly at: string; readonly calls: number }
  /** The width of the series' intervals. */
  readonly seriesMinutes: number
  /** At most 120 intervals of equal width without a gap, for a plot. */
  readonly series: readonly SeriesPoint[]
}

const seriesPoint: z.ZodType<SeriesPoint> = z.object({
  at: z.string(),
  offsetSeconds: z.number(),
  calls: z.int().min(0),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  costUsd: z.number().nullable(),
})

export const callsPerMinute: z.ZodType<CallsPerMinute> = z.object({
  average: z.number(),
  peak: z.object({ at: z.string(), calls: z.int().min(1) }),
  seriesMinutes: z.int().min(1),
  series: z.array(seriesPoint).max(120),
})

const minuteMs = 60_000
const mostPoints = 120
const widths = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440]

/** A time of the log as text: ISO 8601, or seconds since the recording began. */
export const formatTime = (ms: number, clock: Clock): string =>
  clock === 'utc' ? new Date(ms).toISOString() : `+${ms / 1000}s`

const chooseWidth = (first: number, last: number): number => {
  const fits = (width: number): boolean =>
    Math.floor(last / width) - Math.floor(first / width) < mostPoints
  const day = 1440
  const days = Math.ceil((last - first + 1) / day / (mostPoints - 1))
  return widths.find(fits) ?? days * day
}

/** Counts the calls of each minute. Null where the log has no times. */
export const countCallsPerMinute = async (
  workload: Workload,
  pricing: Pricing,
  pace: Pace,
): Promise<CallsPerMinute | null> => {
  const { times, clock } = workload
  if (times === null) return null
  const byMinute = new Map<number, number>()
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const time of times) {
    const minute = Math.floor(time / minuteMs)
    byMinute.set(minute, (byMinute.get(minute) ?? 0) + 1)
    first = Math.min(first, minute)
    last = Math.max(last, minute)
    if (pace.due()) await pace.turn()
  }
  let peak = { minute: first, calls: 0 }
  for (const [minute, calls] of byMinute) {
    if (calls > peak.calls || (calls === peak.calls && minute < peak.minute)) {
      peak = { minute, calls }
    }
    if (pace.due()) await pace.turn()
  }
  const width = chooseWidth(first, last)
  return {
    average: workload.rows / (last - first + 1),
    peak: { at: formatTime(peak.minute * minuteMs, clock), calls: peak.calls },
    seriesMinutes: width,
    series: await buildSeries(workload, times, pricing, pace, { first, last, width }),
  }
}

const buildSeries = async (
  workload: Workload,
  times: Float64Array,
  pricing: Pricing,
  pace: Pace,
  { first, last, width }: { first: number; last: number; width: number },
): Promise<SeriesPoint[]> => {
  const start = Math.floor(first / width)
  const points = Array.from({ length: Math.floor(last / width) - start + 1 }, () => ({
    calls: 0,
    priced: 0,
    inputTokens: 0,
    outputTokens: 0,
    cost: 0n,
  }))
  for (let row = 0; row < workload.rows; row += 1) {
    const point = points[Math.floor((times[row] ?? 0) / minuteMs / width) - start]
    if (point !== undefined) {
      const paid = pricing.paid(row)
      point.calls += 1
      point.inputTokens += workload.inputTokens[row] ?? 0
      point.outputTokens += workload.outputTokens[row] ?? 0
      point.cost += paid ?? 0n
      if (paid !== null) point.priced += 1
    }
    if (pace.due()) await pace.turn()
  }
  return points.map(({ calls, priced, inputTokens, outputTokens, cost }, index) => ({
    at: formatTime((start + index) * width * minuteMs, workload.clock),
    offsetSeconds: index * width * 60,
    calls,
    inputTokens,
    outputTokens,
    costUsd: calls > 0 && priced === 0 ? null : toDollars(cost),
  }))
}
