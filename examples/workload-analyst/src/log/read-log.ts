import type { Pace } from '../pace.ts'
import { type ColumnMeaning, type Columns, recogniseColumns } from './columns.ts'
import { findDelimiter, readCsvRows } from './csv-rows.ts'
import { readJsonLines } from './json-lines-rows.ts'
import { UnreadableLogError } from './unreadable-log-error.ts'
import { createWorkloadBuilder } from './workload-builder.ts'
import type { Workload } from './workload.ts'

/**
 * Reads a log of model calls, CSV or JSON Lines, giving way to the event loop as `pace` says.
 * Throws UNREADABLE_LOG, naming the line and the reason, and the signal's reason where aborted.
 */
export const readLog = async (text: string, pace: Pace): Promise<Workload> => {
  await refuseBinary(text, pace)
  const first = text.search(/[^\s\uFEFF]/)
  if (first === -1) throw new UnreadableLogError(1, 'the log is empty')
  if (text[first] === '[') {
    const reason = 'the log is a JSON array; write one JSON object a line instead (JSON Lines)'
    throw new UnreadableLogError(lineAt(text, first), reason)
  }
  return text[first] === '{' ? readJson(text, pace) : readCsv(text, first, pace)
}

const lineAt = (text: string, position: number): number =>
  text.slice(0, position).split('\n').length

// oxlint-disable-next-line no-control-regex -- the point is to find control characters
const control = /[\0-\u0008\u000E-\u001F]/

const refuseBinary = async (text: string, pace: Pace): Promise<void> => {
  const slice = 262_144
  for (let start = 0; start < text.length; start += slice) {
    const at = text.slice(start, start + slice).search(control)
    if (at !== -1) {
      const code = text
        .charCodeAt(start + at)
        .toString(16)
        .toUpperCase()
        .padStart(4, '0')
      const reason = `the log is not text (it has the character U+${code})`
      throw new UnreadableLogError(lineAt(text, start + at), reason)
    }
    if (pace.due(100)) await pace.turn()
  }
}

const readJson = async (text: string, pace: Pace): Promise<Workload> => {
  const headers = new Map<ColumnMeaning, string>()
  const ignored = new Set<string>()
  const builder = createWorkloadBuilder((meaning) => headers.get(meaning) ?? meaning)
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text
  await readJsonLines(body, pace, { headers, ignored }, ({ cells, line }) => {
    builder.add((meaning) => cells.get(meaning), line)
  })
  return builder.finish({
    format: 'json-lines',
    delimiter: null,
    headers,
    ignoredHeaders: [...ignored],
  })
}

const longestHeader = 100_000

const readCsv = async (text: string, first: number, pace: Pace): Promise<Workload> => {
  const headerLine = /[^\r\n]*/.exec(text.slice(first, first + longestHeader))?.[0] ?? ''
  if (headerLine.length === longestHeader) {
    const reason = `the header is longer than ${longestHeader} characters`
    throw new UnreadableLogError(lineAt(text, first), reason)
  }
  const delimiter = findDelimiter(headerLine)
  const endsInsideLine = !/[\r\n]\s*$/.test(text.slice(-1000))
  let header: { columns: Columns; width: number; line: number } | undefined
  let odd: { width: number; line: number } | undefined
  let rows = 0
  const builder = createWorkloadBuilder(
    (meaning) => header?.columns.found.get(meaning)?.header ?? meaning,
  )
  const refuseOdd = (isLast: boolean): void => {
    if (odd === undefined || header === undefined) return
    const isCut = isLast && endsInsideLine && odd.width < header.width
    const reason = `${odd.width} column${odd.width === 1 ? '' : 's'}, expected ${header.width} as in the header`
    throw new UnreadableLogError(
      odd.line,
      isCut ? `the log ends in the middle of a row: ${reason}` : reason,
    )
  }
  await readCsvRows(text, delimiter, pace, ({ cells, line }) => {
    refuseOdd(false)
    if (header === undefined) {
      header = { columns: recogniseColumns(cells, line), width: cells.length, line }
      return
    }
    if (cells.length !== header.width) {
      odd = { width: cells.length, line }
      return
    }
    const { found } = header.columns
    builder.add((meaning) => {
      const column = found.get(meaning)
      return column === undefined ? undefined : cells[column.position]
    }, line)
    rows += 1
  })
  refuseOdd(true)
  if (header === undefined) throw new UnreadableLogError(1, 'the log is empty')
  if (rows === 0) {
    throw new UnreadableLogError(header.line, 'the log has a header and no rows below it')
  }
  const { found, ignored } = header.columns
  return builder.finish({
    format: 'csv',
    delimiter,
    headers: new Map([...found].map(([meaning, column]) => [meaning, column.header])),
    ignoredHeaders: ignored,
  })
}
