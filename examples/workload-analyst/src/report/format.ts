/** A whole number with thin groups: 18,059,974. */
export const formatCount = (value: number): string => value.toLocaleString('en-US')

/** Dollars with two decimals, or with up to six where they are few; `unknown` where there is no price. */
export const formatUsd = (value: number | null): string => {
  if (value === null) return 'unknown'
  const digits = value !== 0 && value < 10 ? 6 : 2
  const options = { minimumFractionDigits: 2, maximumFractionDigits: digits }
  if (value !== 0 && value < 0.000001) return `$${value.toExponential(2)}`
  return `$${value.toLocaleString('en-US', options)}`
}

/** A number with its noun: `1 call`, `2,000 calls`. */
export const count = (value: number, noun: string): string =>
  `${formatCount(value)} ${noun}${value === 1 ? '' : 's'}`
