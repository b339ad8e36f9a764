/**
 * Money is counted in whole pico-dollars (1e-12 USD) as a bigint. A price in dollars for a million
 * tokens with up to six decimals is a whole number of pico-dollars for one token, so every sum is
 * exact and does not depend on the order of the rows. Only results are turned into dollars.
 */
export type PicoDollars = bigint

const decimal = /^(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2}))?$|^\.(\d+)(?:[eE]([+-]?\d{1,2}))?$/

/**
 * Reads a decimal number >= 0 (`12`, `0.0015`, `.5`, `1.5e-5`) as a whole number of `10 ** -places`,
 * rounded half up. Undefined where the text is not such a number.
 */
export const readDecimal = (text: string, places: number): bigint | undefined => {
  const match = decimal.exec(text)
  if (match === null || text.length > 60) return undefined
  const whole = match[1] ?? ''
  const fraction = match[2] ?? match[4] ?? ''
  const exponent = Number(match[3] ?? match[5] ?? 0)
  const digits = BigInt(`${whole}${fraction}`)
  const shift = places + exponent - fraction.length
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return (digits + divisor / 2n) / divisor
}

const picoPlaces = 12

/** The dollars nearest to an exact amount. */
export const toDollars = (amount: PicoDollars): number => {
  const sign = amount < 0n ? '-' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(picoPlaces + 1, '0')
  return Number(`${sign}${digits.slice(0, -picoPlaces)}.${digits.slice(-picoPlaces)}`)
}
