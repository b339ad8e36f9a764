import type { NameColumn } from './column-builder.ts'
import type { ColumnMeaning } from './columns.ts'
import type { Clock } from './read-time.ts'

/** How a log was written. */
export type LogFormat = 'csv' | 'json-lines'

/** The sums over all rows, exact. */
export interface WorkloadSums {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** How often something about the rows is worth a note. */
export interface WorkloadCounts {
  /** Rows whose total is not input plus output. */
  readonly totalsThatDiffer: number
  /** Rows whose status is not understood; they count as succeeded. */
  readonly unknownStatuses: number
}

/**
 * The rows of one log, column by column, in the order of the file. It stays in the process: the
 * stages hand it on beside their results, and nothing serialises it. A column that the log does not
 * have is null.
 */
export interface Workload {
  readonly format: LogFormat
  /** The character between the cells of a CSV file. */
  readonly delimiter: string | null
  /** The header under which each column was found. */
  readonly headers: ReadonlyMap<ColumnMeaning, string>
  readonly ignoredHeaders: readonly string[]
  readonly rows: number
  readonly sums: WorkloadSums
  readonly counts: WorkloadCounts
  /** The line of the file on which each row ends. */
  readonly lines: Uint32Array
  readonly clock: Clock
  /** Whole milliseconds, since 1970 (UTC) or since the start of the recording. */
  readonly times: Float64Array | null
  readonly inputTokens: Float64Array
  readonly outputTokens: Float64Array
  /** The part of the input tokens that the provider read from its cache. */
  readonly cachedTokens: Float64Array | null
  /** Whole microseconds; NaN where a row has none. */
  readonly latencies: Float64Array | null
  /** What the log says a call cost, in pico-dollars; -1 where a row has none. */
  readonly costs: BigInt64Array | null
  /** 1 where the call failed. */
  readonly failed: Uint32Array | null
  readonly models: NameColumn | null
  readonly features: NameColumn | null
  /** Identical prompts have the same name. */
  readonly prompts: NameColumn | null
  /** Prompts that begin alike have the same name; `prefixTokens` says how much of them is alike. */
  readonly prefixes: NameColumn | null
  readonly prefixTokens: Float64Array | null
}
