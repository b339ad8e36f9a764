/** The windows that usage is summed up in, in UTC; `total` is all there ever was. */
export type LedgerPeriod = 'hour' | 'day' | 'month' | 'total'

const periods = new Set<unknown>(['hour', 'day', 'month', 'total'])

/** Throws TypeError for what is no such window. */
export function checkedPeriod(period: LedgerPeriod): LedgerPeriod {
  const given: unknown = period
  if (periods.has(given)) return period
  throw new TypeError(`Expected a period of hour, day, month or total, got ${String(given)}`)
}

/** From when to when, epoch milliseconds, the end excluded. */
export interface LedgerWindow {
  readonly from: number
  readonly until: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The window of that kind that a moment lies in. */
export function windowAt(period: LedgerPeriod, at: number): LedgerWindow {
  if (period === 'total') return { from: 0, until: Infinity }
  if (period === 'month') {
    const date = new Date(at)
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    return { from: Date.UTC(year, month, 1), until: Date.UTC(year, month + 1, 1) }
  }
  const length = period === 'hour' ? hourMs : dayMs
  const from = Math.floor(at / length) * length
  return { from, until: from + length }
}
