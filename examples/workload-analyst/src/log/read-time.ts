import { isInMilliseconds } from './columns.ts'
import { type Cell, unreadableCell } from './read-cell.ts'

/**
 * What the times of a log count from: `utc` is a wall clock, `relative` counts from the start of
 * the recording, `none` means that the log has no times.
 */
export type Clock = 'utc' | 'relative' | 'none'

const date =
  /^(\d{4})([-/])(\d{2})\2(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?$/i
const expected = 'a time such as 2023-11-16T18:17:03Z, or seconds as a number'

const readOffsetMinutes = (zone: string | undefined): number => {
  if (zone === undefined || /^(?:z|utc)$/i.test(zone)) return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return zone.startsWith('-') ? -minutes : minutes
}

/** Reads a date in milliseconds since 1970; without a zone it is UTC, and finer digits are cut. */
const readDate = (cell: Cell): number => {
  const match = date.exec(cell.text)
  if (match === null) throw unreadableCell(cell, expected)
  const [, year, , month, day, hour = '00', minute = '00', second = '00', fraction = ''] = match
  const [h, m, s] = [Number(hour), Number(minute), Number(second)]
  const ms = Number(fraction.padEnd(3, '0').slice(0, 3))
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day))
  const offset = readOffsetMinutes(match[9])
  const isCalendarDay = new Date(midnight).getUTCDate() === Number(day) && Number(month) <= 12
  if (
    !isCalendarDay ||
    Number(year) < 1000 ||
    h > 23 ||
    m > 59 ||
    s > 60 ||
    Math.abs(offset) > 900
  ) {
    throw unreadableCell(cell, expected)
  }
  return midnight + ((h * 60 + m - offset) * 60 + s) * 1000 + ms
}

/** Reads the times of one column, all of one kind, and says at the end what they count. */
export interface TimeReader {
  /** The time in the column's own unit: milliseconds for a date, else the number as it stands. */
  read(cell: Cell): number
  /** The clock, and by how much a value of `read` is to be multiplied to make milliseconds. */
  unit(): { readonly clock: Clock; readonly factor: number }
}

/**
 * Numbers are told apart by the largest of the column: below 1e8 seconds from the start of the
 * recording, below 1e11 seconds since 1970, below 1e14 milliseconds, below 1e17 microseconds, else
 * nanoseconds. A header that ends in `ms` says milliseconds itself.
 */
export const createTimeReader = (): TimeReader => {
  let kind: 'date' | 'number' | undefined
  let largest = 0
  let header = ''
  return {
    read(cell) {
      const isNumber = /^\d+(?:\.\d+)?$/.test(cell.text)
      kind ??= isNumber ? 'number' : 'date'
      if (isNumber !== (kind === 'number')) {
        throw unreadableCell(
          cell,
          `${kind === 'number' ? 'a number' : 'a date'} as in the rows above`,
        )
      }
      if (!isNumber) return readDate(cell)
      const value = Number(cell.text)
      if (value >= 1e20) throw unreadableCell(cell, expected)
      header = cell.header
      largest = Math.max(largest, value)
      return value
    },
    unit() {
      if (kind === undefined) return { clock: 'none', factor: 1 }
      if (kind === 'date') return { clock: 'utc', factor: 1 }
      if (isInMilliseconds(header)) return { clock: largest < 1e11 ? 'relative' : 'utc', factor: 1 }
      if (largest < 1e8) return { clock: 'relative', factor: 1000 }
      if (largest < 1e11) return { clock: 'utc', factor: 1000 }
      if (largest < 1e14) return { clock: 'utc', factor: 1 }
      return { clock: 'utc', factor: largest < 1e17 ? 1e-3 : 1e-6 }
    },
  }
}
