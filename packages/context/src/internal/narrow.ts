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
  // With the names that do not enumerate: what is secret may change as little as the rest.
  const names = Object.getOwnPropertyNames(one)
  return (
    names.length === Object.getOwnPropertyNames(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) && isEqual(Reflect.get(one, name), Reflect.get(other, name)),
    )
  )
}
