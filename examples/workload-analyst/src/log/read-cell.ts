import { readDecimal } from '../money.ts'
import { excerpt, UnreadableLogError } from './unreadable-log-error.ts'

/** One cell and where it stands; what the messages are made of. */
export interface Cell {
  readonly text: string
  readonly header: string
  readonly line: number
}

/** The error for a cell that is not what its column needs. */
export const unreadableCell = (cell: Cell, expected: string): UnreadableLogError => {
  const found = cell.text === '' ? 'empty' : excerpt(cell.text)
  return new UnreadableLogError(
    cell.line,
    `${excerpt(cell.header)} is ${found}, expected ${expected}`,
  )
}

const whole = /^\d+(?:\.0+)?$/

/** Reads a whole number from 0 to the largest safe integer; `12.0` is 12. */
export const readWholeNumber = (cell: Cell): number => {
  if (!whole.test(cell.text)) throw unreadableCell(cell, 'a whole number >= 0')
  const value = Number(cell.text)
  if (!Number.isSafeInteger(value)) {
    throw unreadableCell(cell, `a whole number up to ${Number.MAX_SAFE_INTEGER}`)
  }
  return value
}

const longestLatencyMs = 1_000_000_000

/** Reads a time taken, in milliseconds or seconds, as whole microseconds. */
export const readMicroseconds = (cell: Cell, inSeconds: boolean): number => {
  const micros = readDecimal(cell.text, inSeconds ? 6 : 3)
  if (micros === undefined) throw unreadableCell(cell, 'a number >= 0 such as 812.5')
  if (micros > BigInt(longestLatencyMs) * 1000n) {
    throw unreadableCell(cell, `at most ${longestLatencyMs} milliseconds`)
  }
  return Number(micros)
}

const largestCost = 1_000_000n * 10n ** 12n

/** Reads what one call cost, in dollars, as pico-dollars. A leading `$` is allowed. */
export const readCost = (cell: Cell): bigint => {
  const amount = readDecimal(cell.text.replace(/^\$\s*/, ''), 12)
  if (amount === undefined) throw unreadableCell(cell, 'dollars >= 0 such as 0.0015')
  if (amount > largestCost) throw unreadableCell(cell, 'at most 1000000 dollars for one call')
  return amount
}

/** Adds to a total of whole numbers that must stay exact. */
export const addExactly = (total: number, value: number, cell: Omit<Cell, 'text'>): number => {
  const sum = total + value
  if (Number.isSafeInteger(sum)) return sum
  const reason = `the total of ${excerpt(cell.header)} passes ${Number.MAX_SAFE_INTEGER}`
  throw new UnreadableLogError(cell.line, `${reason} and would no longer be exact`)
}
