const secretName =
  /pass(word|phrase)?$|secret|api[-_]?key|private[-_]?key|access[-_]?key|token$|authorization|credential|cookie/i
const longestText = 200
const mostItems = 10
const mostFields = 30
const deepest = 4

/**
 * A small copy of a tool's input or result, for an event: text is cut, long arrays and deep objects are
 * shortened, fields whose name says secret are left out, what JSON cannot carry is named. Never throws.
 */
export function preview(value: unknown, depth: number = 0): unknown {
  if (typeof value === 'string') {
    return value.length <= longestText
      ? value
      : `${value.slice(0, longestText)}… (${value.length} characters)`
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (value === undefined) return null
  if (typeof value !== 'object') return `(${typeof value})`
  if (depth >= deepest) return Array.isArray(value) ? '(array)' : '(object)'
  if (Array.isArray(value)) {
    const items = value.slice(0, mostItems).map((item) => preview(item, depth + 1))
    if (value.length > mostItems) items.push(`… (${value.length} items)`)
    return items
  }
  return previewObject(value, depth)
}

function previewObject(value: object, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (prototype !== null && prototype !== Object.prototype) {
    return `(${value.constructor?.name ?? 'object'})`
  }
  const fields: [string, unknown][] = []
  let descriptors: [string, PropertyDescriptor][]
  try {
    descriptors = Object.entries(Object.getOwnPropertyDescriptors(value))
  } catch {
    return '(object)'
  }
  for (const [name, { value: field, enumerable }] of descriptors.slice(0, mostFields)) {
    if (enumerable !== true) continue
    fields.push([name, secretName.test(name) ? '(left out)' : preview(field, depth + 1)])
  }
  if (descriptors.length > mostFields) fields.push(['…', `(${descriptors.length} fields)`])
  return Object.fromEntries(fields)
}
