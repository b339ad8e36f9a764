import {
  type ColumnBuilder,
  createAmounts,
  createIntegers,
  createNames,
  createNumbers,
  type NameColumnBuilder,
} from './column-builder.ts'
import { type ColumnMeaning, isInSeconds } from './columns.ts'
import { addExactly, type Cell, readCost, readMicroseconds, readWholeNumber } from './read-cell.ts'
import { readOutcome } from './read-outcome.ts'
import { createTimeReader } from './read-time.ts'
import { excerpt, UnreadableLogError } from './unreadable-log-error.ts'
import type { Workload } from './workload.ts'

/** One row: the trimmed cell of a meaning, undefined or empty where the row has none. */
export type RowCells = (meaning: ColumnMeaning) => string | undefined

/** Reads rows into columns. */
export interface WorkloadBuilder {
  /** Reads one row. Throws UNREADABLE_LOG where a cell is not what its column needs. */
  add(row: RowCells, line: number): void
  /** Ends the reading. `headers` are the columns that the log has. */
  finish(source: Pick<Workload, 'format' | 'delimiter' | 'headers' | 'ignoredHeaders'>): Workload
}

/** `headerOf` names a column in messages, as the log writes it. */
export const createWorkloadBuilder = (
  headerOf: (meaning: ColumnMeaning) => string,
): WorkloadBuilder => {
  const lines = createIntegers()
  const times = createNumbers()
  const timeReader = createTimeReader()
  const inputTokens = createNumbers()
  const outputTokens = createNumbers()
  const cachedTokens = createNumbers()
  const latencies = createNumbers()
  const costs = createAmounts()
  const failed = createIntegers()
  const prefixTokens = createNumbers()
  const names = {
    model: createNames(),
    feature: createNames(),
    prompt: createNames(),
    prefix: createNames(),
  } satisfies Partial<Record<ColumnMeaning, NameColumnBuilder>>
  let rows = 0
  let rowsWithTime = 0
  let totalsThatDiffer = 0
  let unknownStatuses = 0
  const sums = { inputTokens: 0, outputTokens: 0 }

  const cellOf = (row: RowCells, meaning: ColumnMeaning, line: number): Cell => ({
    text: row(meaning) ?? '',
    header: headerOf(meaning),
    line,
  })

  const addTime = (row: RowCells, line: number): void => {
    const cell = cellOf(row, 'time', line)
    if (cell.text !== '' && rowsWithTime === rows) {
      times.push(timeReader.read(cell))
      rowsWithTime += 1
    } else if (cell.text !== '' || rowsWithTime > 0) {
      const reason =
        cell.text === ''
          ? 'is empty, but the rows above have a time'
          : 'is set, but not in the rows above'
      throw new UnreadableLogError(line, `${excerpt(cell.header)} ${reason}`)
    }
  }

  const addTokens = (row: RowCells, line: number, hasFailed: boolean): number => {
    // A failed call often has no counts: it used none that anybody knows of.
    const count = (meaning: ColumnMeaning): number => {
      const cell = cellOf(row, meaning, line)
      return hasFailed && cell.text === '' ? 0 : readWholeNumber(cell)
    }
    const input = count('inputTokens')
    const output = count('outputTokens')
    inputTokens.push(input)
    outputTokens.push(output)
    for (const [meaning, value] of [
      ['inputTokens', input],
      ['outputTokens', output],
    ] as const) {
      sums[meaning] = addExactly(sums[meaning], value, { header: headerOf(meaning), line })
    }
    const total = cellOf(row, 'totalTokens', line)
    if (total.text !== '' && readWholeNumber(total) !== input + output) totalsThatDiffer += 1
    return input
  }

  const addPart = (
    row: RowCells,
    line: number,
    meaning: 'cachedTokens' | 'prefixTokens',
    input: number,
    column: ColumnBuilder<number, Float64Array>,
  ): void => {
    const cell = cellOf(row, meaning, line)
    const value = cell.text === '' ? 0 : readWholeNumber(cell)
    if (value > input) {
      const reason = `${excerpt(cell.header)} is ${value}, more than the ${input} input tokens`
      throw new UnreadableLogError(line, `${reason} that it is a part of`)
    }
    column.push(value)
  }

  const hasRowFailed = (row: RowCells): boolean => {
    const outcome = readOutcome(row('status') ?? '', row('error') ?? '')
    if (outcome === 'unknown') unknownStatuses += 1
    return outcome === 'failed'
  }

  return {
    add(row, line) {
      addTime(row, line)
      const hasFailed = hasRowFailed(row)
      failed.push(hasFailed ? 1 : 0)
      const input = addTokens(row, line, hasFailed)
      addPart(row, line, 'cachedTokens', input, cachedTokens)
      addPart(row, line, 'prefixTokens', input, prefixTokens)
      const latency = cellOf(row, 'latency', line)
      latencies.push(
        latency.text === '' ? Number.NaN : readMicroseconds(latency, isInSeconds(latency.header)),
      )
      const cost = cellOf(row, 'cost', line)
      costs.push(cost.text === '' ? -1n : readCost(cost))
      for (const meaning of ['model', 'feature', 'prompt', 'prefix'] as const) {
        names[meaning].push(row(meaning) ?? '')
      }
      lines.push(line)
      rows += 1
    },
    finish(source) {
      const has = (meaning: ColumnMeaning): boolean => source.headers.has(meaning)
      const { clock, factor } = timeReader.unit()
      const scaled = times.finish()
      if (factor !== 1) scaled.forEach((time, row) => (scaled[row] = Math.round(time * factor)))
      return {
        ...source,
        rows,
        sums,
        counts: { totalsThatDiffer, unknownStatuses },
        lines: lines.finish(),
        clock,
        times: clock === 'none' ? null : scaled,
        inputTokens: inputTokens.finish(),
        outputTokens: outputTokens.finish(),
        cachedTokens: has('cachedTokens') ? cachedTokens.finish() : null,
        latencies: has('latency') ? latencies.finish() : null,
        costs: has('cost') ? costs.finish() : null,
        failed: has('status') || has('error') ? failed.finish() : null,
        models: has('model') ? names.model.finish() : null,
        features: has('feature') ? names.feature.finish() : null,
        prompts: has('prompt') ? names.prompt.finish() : null,
        prefixes: has('prefix') && has('prefixTokens') ? names.prefix.finish() : null,
        prefixTokens: has('prefix') && has('prefixTokens') ? prefixTokens.finish() : null,
      }
    },
  }
}
