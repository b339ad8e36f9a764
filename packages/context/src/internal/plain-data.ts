/** Why a value is not plain data, and where. The value itself is never told. */
export class NotPlainData extends Error {
  override readonly name: string = 'NotPlainData'
  readonly path: string

  constructor(path: string, found: string) {
    super(`${found} is not plain data; use strings, numbers, booleans, arrays and plain objects`)
    this.path = path
  }
}

const deepest = 32
const most = 100_000

/**
 * A frozen copy of plain data, sharing nothing with the original. Refuses what can change behind a frozen
 * reference or cannot be copied: functions, class instances (a Date, a Map), symbols, cycles; and what is too much:
 * a few objects that hold each other many times over are as much as all their copies.
 */
export function freezePlainData(
  value: unknown,
  path: string = '',
  depth: number = 0,
  copied: { values: number } = { values: 0 },
): unknown {
  copied.values += 1
  if (copied.values > most) throw new NotPlainData(path, `data of more than ${most} values`)
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new NotPlainData(path, `a ${typeof value}`)
    }
    return value
  }
  if (depth > deepest) throw new NotPlainData(path, `data nested deeper than ${deepest} levels`)
  if (Array.isArray(value)) {
    return Object.freeze(
      Array.from(value, (item, index) =>
        freezePlainData(item, `${path}[${index}]`, depth + 1, copied),
      ),
    )
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // A plain object of another realm (a vm context, an iframe) has a prototype whose own prototype is null.
  const plain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!plain) throw new NotPlainData(path, `a ${value.constructor?.name ?? 'class'} instance`)
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    const itemPath = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') throw new NotPlainData(itemPath, 'a field named "__proto__"')
    if (item !== undefined) copy[key] = freezePlainData(item, itemPath, depth + 1, copied)
  }
  return Object.freeze(copy)
}
