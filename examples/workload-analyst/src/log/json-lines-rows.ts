import * as z from 'zod'
import type { Pace } from '../pace.ts'
import { type ColumnMeaning, recogniseHeader, requireTokens } from './columns.ts'
import { readOutcome } from './read-outcome.ts'
import { excerpt, UnreadableLogError } from './unreadable-log-error.ts'

const longestLine = 1_000_000
const record = z.record(z.string(), z.unknown())
/** Objects whose members count as the row's own, as providers nest them. */
const nests = new Set(['usage', 'prompt_tokens_details', 'input_tokens_details'])

/** What has been found in the objects so far. */
export interface JsonColumns {
  readonly headers: Map<ColumnMeaning, string>
  readonly ignored: Set<string>
}

/** One object of a JSON Lines log. */
export interface JsonRow {
  readonly cells: ReadonlyMap<ColumnMeaning, string>
  readonly line: number
}

const readObject = (source: string, line: number, isCut: boolean): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    const reason = isCut ? 'the log ends in the middle of a line: ' : ''
    throw new UnreadableLogError(line, `${reason}${excerpt(source)} is not valid JSON`)
  }
  const object = record.safeParse(value)
  if (object.success && !Array.isArray(value)) return object.data
  throw new UnreadableLogError(line, `${excerpt(source)} is not a JSON object`)
}

const cellText = (value: unknown, key: string, meaning: ColumnMeaning, line: number): string => {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (meaning === 'error') return 'error'
  const kind = Array.isArray(value) ? 'an array' : 'an object'
  throw new UnreadableLogError(line, `${excerpt(key)} is ${kind}, expected a number or a text`)
}

/**
 * Reads one JSON object a line; names are recognised as a CSV file's headers are, also inside
 * `usage`. Blank lines are left out. Throws UNREADABLE_LOG.
 */
export const readJsonLines = async (
  text: string,
  pace: Pace,
  columns: JsonColumns,
  visit: (row: JsonRow) => void,
): Promise<void> => {
  const place = (
    members: Record<string, unknown>,
    cells: Map<ColumnMeaning, string>,
    ranks: Map<ColumnMeaning, number>,
    line: number,
  ): void => {
    for (const [key, value] of Object.entries(members)) {
      const nested = nests.has(key) ? record.safeParse(value) : undefined
      if (nested?.success === true) {
        place(nested.data, cells, ranks, line)
        continue
      }
      const column = recogniseHeader(key)
      if (column === undefined) {
        if (columns.ignored.size < 100) columns.ignored.add(key)
      } else if (column.rank < (ranks.get(column.meaning) ?? Number.POSITIVE_INFINITY)) {
        ranks.set(column.meaning, column.rank)
        cells.set(column.meaning, cellText(value, key, column.meaning, line))
        if (!columns.headers.has(column.meaning)) columns.headers.set(column.meaning, key)
      }
    }
  }

  let line = 0
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    line += 1
    if (end - start > longestLine) {
      throw new UnreadableLogError(line, `the line is longer than ${longestLine} characters`)
    }
    const source = text.slice(start, end).trim()
    start = end + 1
    if (source !== '') {
      const cells = new Map<ColumnMeaning, string>()
      const object = readObject(source, line, newline === -1)
      place(object, cells, new Map(), line)
      // A failed call may come without its tokens; any other one says under which names to look.
      const outcome = readOutcome(cells.get('status') ?? '', cells.get('error') ?? '')
      if (outcome !== 'failed') requireTokens(columns.headers, Object.keys(object), line)
      visit({ cells, line })
    }
    // A long line is as much work as several short ones.
    if (pace.due(1 + Math.floor(source.length / 500))) await pace.turn()
  }
}
