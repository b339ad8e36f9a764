/** Beyond it, whoever writes JSON finds out whether it is a cycle. */
const deepest = 32

/**
 * A frozen copy of plain data, as writing and reading it as JSON would make it. Undefined for whatever is not plain
 * beyond doubt, or could take more than `limitBytes`: that has to be written to be known.
 */
export function copyPlain(value: unknown, limitBytes: number): unknown {
  const budget = { left: limitBytes }
  try {
    const copy = copyOf(value, budget, 0)
    return copy === notPlain || budget.left < 0 ? undefined : copy
  } catch {
    // A getter, or a proxy, that throws.
    return undefined
  }
}

const notPlain = Symbol('not plain')

interface Budget {
  /** Bytes, if every character took as many as one can. */
  left: number
}

function copyOf(value: unknown, budget: Budget, depth: number): unknown {
  if (typeof value === 'string') {
    budget.left -= mostBytesOf(value)
    return value
  }
  if (typeof value === 'number') {
    budget.left -= 26
    // JSON has no minus zero.
    return Number.isFinite(value) ? value + 0 : notPlain
  }
  if (typeof value === 'boolean' || value === null) {
    budget.left -= 6
    return value
  }
  if (typeof value !== 'object' || depth > deepest || budget.left < 0) return notPlain
  budget.left -= 3
  return Array.isArray(value) ? listOf(value, budget, depth) : fieldsOf(value, budget, depth)
}

function listOf(list: readonly unknown[], budget: Budget, depth: number): unknown {
  if (Object.getPrototypeOf(list) !== Array.prototype || 'toJSON' in list) return notPlain
  const copy: unknown[] = []
  // By index, as JSON does: a hole is none, and its `undefined` is not plain.
  for (let index = 0; index < list.length; index += 1) {
    const item = copyOf(list[index], budget, depth + 1)
    if (item === notPlain) return notPlain
    copy.push(item)
  }
  return Object.freeze(copy)
}

function fieldsOf(value: object, budget: Budget, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype !== null && prototype !== Object.prototype) || 'toJSON' in value) return notPlain
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return notPlain
    const field: unknown = Reflect.get(value, name)
    if (field === undefined) continue
    const item = copyOf(field, budget, depth + 1)
    if (item === notPlain) return notPlain
    budget.left -= mostBytesOf(name)
    copy[name] = item
  }
  return Object.freeze(copy)
}

/** As JSON, with quotes, a comma and a colon: a control character takes six. */
function mostBytesOf(text: string): number {
  return 6 * text.length + 4
}
