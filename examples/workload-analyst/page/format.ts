const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** A whole number in groups: 18,059,974. */
export const formatCount = (value: number): string => whole.format(value)

/** A number in few characters: 18.1M. */
export const formatCompact = (value: number): string => compact.format(value)

/** Dollars with two decimals, or with four significant digits where they are less than one. */
export const formatUsd = (value: number): string => {
  const digits = value !== 0 && Math.abs(value) < 1 ? { maximumSignificantDigits: 4 } : {}
  return value.toLocaleString('en-US', { style: 'currency', currency: 'USD', ...digits })
}

/** Dollars on an axis: all ticks with as many decimals as its step needs. */
export const formatUsdTicks = (ticks: readonly number[]): string[] => {
  const step = ticks[1] ?? 1
  const decimals = Math.max(0, ...ticks.map((tick) => String(tick).split('.')[1]?.length ?? 0))
  const digits = step >= 1 && decimals === 0 ? 0 : Math.min(6, Math.max(2, decimals))
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits }
  return ticks.map((tick) =>
    tick.toLocaleString('en-US', { style: 'currency', currency: 'USD', ...options }),
  )
}

/** A duration: 840 ms, 2.4 s. */
export const formatDuration = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

/** The size of a text: 1.2 MB. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** The time of day of an ISO 8601 time, with milliseconds, where the reader is. */
export const formatTimeOfDay = (iso: string): string => {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const time = date.toLocaleTimeString('en-GB', { hour12: false })
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
