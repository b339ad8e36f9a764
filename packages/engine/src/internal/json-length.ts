/** What JSON writes otherwise than it stands: quotes, backslashes, control characters, and halves of characters. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/

/**
 * How many characters `JSON.stringify` writes of a value. Small plain data is counted and not written, which takes a
 * fraction of the time. Throws what JSON throws for a value that it cannot carry.
 */
export function jsonLength(value: unknown): number {
  return counted(value, 0) ?? JSON.stringify(value).length
}

/** Deeper data, and what is no plain data, is left to JSON itself. */
const deepest = 6

/** Undefined where JSON has to say. */
function counted(value: unknown, depth: number): number | undefined {
  if (typeof value === 'string') {
    return escaped.test(value) ? JSON.stringify(value).length : value.length + 2
  }
  if (typeof value === 'number') return Number.isFinite(value) ? String(value).length : 4
  if (typeof value === 'boolean') return value ? 4 : 5
  if (value === null) return 4
  if (typeof value !== 'object' || depth === deepest) return undefined
  return Array.isArray(value) ? countedList(value, depth) : countedObject(value, depth)
}

function countedList(list: readonly unknown[], depth: number): number | undefined {
  if (Object.getPrototypeOf(list) !== Array.prototype) return undefined
  let length = 2 + Math.max(0, list.length - 1)
  for (const item of list) {
    const characters = counted(item, depth + 1)
    if (characters === undefined) return undefined
    length += characters
  }
  return length
}

function countedObject(value: object, depth: number): number | undefined {
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return undefined
  let length = 2
  // Not by a list of its names: that would be made for nothing else.
  for (const name in value) {
    if (!Object.hasOwn(value, name)) return undefined
    const field: unknown = Reflect.get(value, name)
    if (field === undefined) continue
    const characters = counted(field, depth + 1)
    if (characters === undefined) return undefined
    // A name, a colon, and a comma before all but the first.
    length += (counted(name, depth) ?? 0) + 1 + characters + (length > 2 ? 1 : 0)
  }
  return length
}
