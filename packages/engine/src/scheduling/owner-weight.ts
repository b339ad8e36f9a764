const least = 0.01
const most = 100

/** A weight that starves nobody: 0.01 to 100 turns beside an owner of weight 1. Throws TypeError. */
export function checkedWeight(weight: number): number {
  if (typeof weight === 'number' && weight >= least && weight <= most) return weight
  throw new TypeError(`Expected \`weightOf\` to return ${least} to ${most}, got ${String(weight)}`)
}
