/**
 * The same text for the same data, whatever the order of its fields: to be hashed, never to be read back. Fields
 * without a value count as absent. Throws TypeError for what is no plain data (a class, a function, NaN, a cycle).
 */
export function canonicalJson(value: unknown): string {
  return write(value, new Set())
}

/** SHA-256 of the canonical text, in hexadecimal. Throws as `canonicalJson` does. */
export async function canonicalHash(value: unknown): Promise<string> {
  const text = new TextEncoder().encode(canonicalJson(value))
  const hash = await globalThis.crypto.subtle.digest('SHA-256', text)
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

const deepest = 500

function write(value: unknown, around: Set<object>): string {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) {
    return JSON.stringify(value)
  }
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  // What JSON has no words for, so that no plain data looks the same.
  if (typeof value === 'bigint') return `bigint:${value}`
  if (value === undefined) return 'undefined'
  if (value instanceof Date) return `date:${Date.prototype.getTime.call(value)}`
  if (typeof value !== 'object') throw new TypeError(`A ${typeof value} is no plain data`)
  if (around.has(value)) throw new TypeError('A cycle is no plain data')
  if (around.size >= deepest) throw new TypeError('The data is nested too deep')
  around.add(value)
  const text = Array.isArray(value) ? writeList(value, around) : writeFields(value, around)
  around.delete(value)
  return text
}

function writeList(list: readonly unknown[], around: Set<object>): string {
  return `[${Array.from(list, (item) => write(item, around)).join(',')}]`
}

function writeFields(value: object, around: Set<object>): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) {
    throw new TypeError('An instance of a class is no plain data')
  }
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${write(field, around)}`)
  return `{${fields.join(',')}}`
}
