import * as z from 'zod'
import type { Pace } from '../pace.ts'
import { sortInTurns } from './sort-in-turns.ts'

/** The 50th, 95th and 99th percentile by nearest rank: each is a value that occurs. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export const percentiles: z.ZodType<Percentiles> = z.object({
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
})

/**
 * The value at rank `ceil(percent / 100 * n)`, counted from 1, of values in ascending order. The
 * values must not be empty.
 */
export const nearestRank = (sorted: Float64Array, percent: number): number =>
  sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN

/** Computes the percentiles of at least one value. */
export const computePercentiles = async (
  values: Float64Array,
  pace: Pace,
): Promise<Percentiles> => {
  const sorted = await sortInTurns(values, (a, b) => a - b, pace)
  const at = (percent: number): number => nearestRank(sorted, percent)
  return { p50: at(50), p95: at(95), p99: at(99) }
}
