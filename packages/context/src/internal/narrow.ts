/**
 * Whether `next` grants no more than `inherited`: it is equal, or it is an array with some of the inherited
 * items. Both are plain data.
 */
export function isNarrowing(inherited: unknown, next: unknown): boolean {
  if (Array.isArray(inherited) && Array.isArray(next)) {
    return next.every((item) => inherited.some((had) => isEqual(had, item)))
  }
  return isEqual(inherited, next)
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const left = Object.entries(one)
  const right = new Map(Object.entries(other))
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && isEqual(value, right.get(key)))
  )
}
