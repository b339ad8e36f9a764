/** A whole number of at least `least`, or a TypeError that names the option. */
export function checkedLimit(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new TypeError(`Expected \`${name}\` to be a whole number >= ${least}, got ${String(value)}`)
}
