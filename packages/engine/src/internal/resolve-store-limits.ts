import { checkedLimit } from './checked-limit.ts'
import { withoutUndefined } from './without-undefined.ts'

/** The defaults with the caller's limits on top, each a whole number of at least 1. Throws TypeError. */
export function resolveStoreLimits<Limits extends object>(
  defaults: Limits,
  given: Partial<Limits> = {},
): Limits {
  const resolved = Object.freeze({ ...defaults, ...withoutUndefined(given) })
  for (const [name, value] of Object.entries(resolved)) {
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`There is no limit \`${name}\``)
    checkedLimit(name, Number(value), 1)
  }
  return resolved
}
