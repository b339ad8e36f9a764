import * as z from 'zod'
import type { Analysis } from '../analysis.ts'
import { readLog } from '../log/read-log.ts'
import type { Workload } from '../log/workload.ts'
import { displayName } from '../report/display-name.ts'
import { count } from '../report/format.ts'
import { formatTime } from '../statistics/calls-per-minute.ts'

/** What the user brings: the text of a CSV or JSON Lines file. */
export interface TriageInput {
  readonly log: string
}

export const triageInput: z.ZodType<TriageInput> = z.object({ log: z.string() })

/** What the log is, and which of its columns are used as what. */
export interface TriageOutput {
  readonly format: 'csv' | 'json-lines'
  /** The character between the cells of a CSV file. */
  readonly delimiter: string | null
  readonly rows: number
  /** Per meaning (`time`, `model`, `inputTokens`, …) the header under which it was found. */
  readonly columns: Readonly<Record<string, string>>
  /** Columns that mean nothing here, at most 20. */
  readonly ignoredColumns: readonly string[]
  /** `utc`: times of day; `relative`: counted from the start of the recording; `none`: no times. */
  readonly clock: 'utc' | 'relative' | 'none'
  /** The first and the last call: ISO 8601 (UTC), or such as `+12.5s`. */
  readonly firstAt: string | null
  readonly lastAt: string | null
  readonly notes: readonly string[]
}

export const triageOutput: z.ZodType<TriageOutput> = z.object({
  format: z.enum(['csv', 'json-lines']),
  delimiter: z.string().nullable(),
  rows: z.int().min(1),
  columns: z.record(z.string(), z.string()),
  ignoredColumns: z.array(z.string()).max(20),
  clock: z.enum(['utc', 'relative', 'none']),
  firstAt: z.string().nullable(),
  lastAt: z.string().nullable(),
  notes: z.array(z.string()),
})

/**
 * Reads the log and keeps its rows in the analysis. Throws UNREADABLE_LOG, naming the line and the
 * reason, and the signal's reason where aborted.
 */
export const triage = async (input: TriageInput, analysis: Analysis): Promise<TriageOutput> => {
  const workload = await readLog(input.log, analysis.pace)
  analysis.keep(workload)
  const { clock, times } = workload
  const range = times === null ? null : rangeOf(times)
  return {
    format: workload.format,
    delimiter: workload.delimiter,
    rows: workload.rows,
    columns: Object.fromEntries(
      [...workload.headers].map(([meaning, header]) => [meaning, displayName(header)]),
    ),
    ignoredColumns: workload.ignoredHeaders.slice(0, 20).map(displayName),
    clock,
    firstAt: range === null ? null : formatTime(range.first, clock),
    lastAt: range === null ? null : formatTime(range.last, clock),
    notes: describe(workload),
  }
}

const rangeOf = (times: Float64Array): { first: number; last: number } => {
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const time of times) {
    first = Math.min(first, time)
    last = Math.max(last, time)
  }
  return { first, last }
}

const describe = (workload: Workload): string[] => {
  const { counts, models, features, latencies, costs, times } = workload
  const notes: string[] = []
  if (times === null) notes.push('The log has no times: there are no calls per minute.')
  if (workload.clock === 'relative') {
    notes.push('The times count from the start of the recording, not from a date.')
  }
  if (models === null)
    notes.push('The log has no column for the model: there is no spend by model.')
  if (features === null) {
    notes.push('The log has no column for the feature: there is no spend by feature.')
  }
  if (latencies === null) notes.push('The log has no column for the latency.')
  if (models === null && costs === null) {
    notes.push('The log has neither a model nor a cost: no price is known, so there is no money.')
  }
  if (counts.totalsThatDiffer > 0) {
    notes.push(
      `The total of ${count(counts.totalsThatDiffer, 'row')} is not input plus output tokens; the totals here are input plus output.`,
    )
  }
  if (counts.unknownStatuses > 0) {
    notes.push(
      `The status of ${count(counts.unknownStatuses, 'row')} is not understood; such calls count as succeeded.`,
    )
  }
  return notes
}
