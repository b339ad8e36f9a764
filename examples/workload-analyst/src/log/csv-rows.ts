import { CsvError, type CsvErrorCode, parse } from 'csv-parse'
import * as z from 'zod'
import type { Pace } from '../pace.ts'
import { UnreadableLogError } from './unreadable-log-error.ts'

/** The cells between two lines' ends, trimmed. */
export interface CsvRow {
  readonly cells: readonly string[]
  /** The line on which the row ends. */
  readonly line: number
}

const charactersPerSlice = 32_768
const longestRow = 1_000_000
const parsed = z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) })

/** The delimiter of a header: the one of comma, semicolon and tab that it has most of. */
export const findDelimiter = (header: string): ',' | ';' | '\t' => {
  const bare = header.replaceAll(/"[^"]*"/g, '')
  const count = (delimiter: string): number => bare.split(delimiter).length
  const [commas, semicolons, tabs] = [count(','), count(';'), count('\t')]
  if (tabs > commas && tabs >= semicolons) return '\t'
  return semicolons > commas ? ';' : ','
}

const tooLong = `a row that begins here is longer than ${longestRow} bytes; is a quote left open?`
const reasons: Partial<Record<CsvErrorCode, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell of the row that begins here is never closed',
  CSV_MAX_RECORD_SIZE: tooLong,
  INVALID_OPENING_QUOTE: 'a quote stands inside a cell that is not quoted',
  CSV_INVALID_CLOSING_QUOTE: 'text stands behind the closing quote of a cell',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'text stands behind the closing quote of a cell',
}

/**
 * Reads RFC 4180 rows (quotes, BOM, any line ends; blank lines are left out), a slice of the text
 * between two turns of the event loop. Throws UNREADABLE_LOG.
 */
export const readCsvRows = async (
  text: string,
  delimiter: string,
  pace: Pace,
  visit: (row: CsvRow) => void,
): Promise<void> => {
  const parser = parse({
    delimiter,
    bom: true,
    info: true,
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: longestRow,
  })
  const failures: Error[] = []
  let lastLine = 0
  parser.on('error', (error: Error) => failures.push(error))
  const drain = (): void => {
    for (let row: unknown = parser.read(); row !== null; row = parser.read()) {
      const { record, info } = parsed.parse(row)
      visit({ cells: record, line: info.lines })
      lastLine = info.lines
    }
  }
  try {
    let start = 0
    let lineStart = 0
    while (start < text.length && failures.length === 0) {
      const end = endOfSlice(text, start + charactersPerSlice)
      const slice = text.slice(start, end)
      parser.write(slice)
      drain()
      const lineEnd = Math.max(slice.lastIndexOf('\n'), slice.lastIndexOf('\r'))
      if (lineEnd !== -1) lineStart = start + lineEnd + 1
      // The parser counts the bytes in cells: a row of delimiters alone would have no end for it.
      if (end - lineStart > longestRow) throw new UnreadableLogError(lastLine + 1, tooLong)
      start = end
      await pace.turn()
    }
    if (failures.length === 0) parser.end()
    drain()
    // The parser reports an error of its last line on the next turn.
    await pace.turn()
    drain()
  } finally {
    parser.destroy()
  }
  const [failure] = failures
  if (failure instanceof CsvError) {
    const reason = reasons[failure.code] ?? 'this is not a row of a CSV file'
    throw new UnreadableLogError(lastLine + 1, reason)
  }
  if (failure !== undefined) throw failure
}

/** A slice ends behind a surrogate pair, not inside it: each slice is encoded by itself. */
const endOfSlice = (text: string, end: number): number => {
  const last = text.charCodeAt(end - 1)
  return last >= 0xd800 && last <= 0xdbff ? end + 1 : end
}
