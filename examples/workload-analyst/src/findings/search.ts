import type { NameColumn } from '../log/column-builder.ts'
import type { Workload } from '../log/workload.ts'
import type { PicoDollars } from '../money.ts'
import type { Pace } from '../pace.ts'
import type { Pricing } from '../prices/pricing.ts'
import { sortInTurns } from '../statistics/sort-in-turns.ts'
import type { Finding } from './finding.ts'

/** What a search for one inefficiency works on. */
export interface Search {
  readonly workload: Workload
  readonly pricing: Pricing
  readonly pace: Pace
  /** The largest saving of each call so far, over all findings. */
  readonly largest: Map<number, PicoDollars>
  /** The rows in the order of time. */
  readonly order: Float64Array
}

/** What came of a search: a finding or none, or a note on why it could not be made. */
export interface SearchResult {
  readonly finding?: Finding | undefined
  readonly note?: string
}

export const hasFailed = (workload: Workload, row: number): boolean => workload.failed?.[row] === 1

/** The name in a column, empty where the row or the log has none. */
export const nameAt = (column: NameColumn | null, row: number): string =>
  column === null ? '' : (column.names[column.ids[row] ?? 0] ?? '')

/** The column by which a finding lists its calls: the feature, else the model. */
export const groupColumn = (workload: Workload): NameColumn | null =>
  workload.features ?? workload.models

/**
 * The rows by time. Of calls at the same time, or in a log without times, the dearest comes first,
 * so that no saving depends on the order of the file and the first of several is never the saved one.
 */
export const orderByTime = (
  workload: Workload,
  pricing: Pricing,
  pace: Pace,
): Promise<Float64Array> => {
  const { times, outputTokens, cachedTokens, prefixTokens } = workload
  const compare = (a: number, b: number): number => {
    if (times !== null && times[a] !== times[b]) return (times[a] ?? 0) - (times[b] ?? 0)
    const [x, y] = [pricing.paid(a) ?? -1n, pricing.paid(b) ?? -1n]
    if (x !== y) return x > y ? -1 : 1
    return (
      (outputTokens[b] ?? 0) - (outputTokens[a] ?? 0) ||
      (cachedTokens?.[b] ?? 0) - (cachedTokens?.[a] ?? 0) ||
      (prefixTokens?.[a] ?? 0) - (prefixTokens?.[b] ?? 0)
    )
  }
  const rows = new Float64Array(workload.rows)
  for (let row = 0; row < rows.length; row += 1) rows[row] = row
  return sortInTurns(rows, compare, pace)
}
