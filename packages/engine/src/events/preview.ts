/** A field whose name says that its value is nobody's business. Counts of tokens are none: `maxTokens`. */
const secretName =
  /passw(or)?d|passphrase|pwd|\bpass$|secret|(api|private|access|signing)[-_]?key|(?<!^|in|out|input|output|total|max|min|prompt|completion|cached|reasoning|context|generated|request|response)[-_]?tokens$|token(?!s)|authorization|credential|cookie|bearer|\bjwt|jwt$|session[-_]?id/i
/** What is a secret wherever it stands: a bearer token, credentials in a URL, a JSON Web Token, an API key. */
const secretText =
  /\b(bearer|basic)\s+[\w.~+/=-]{8,}|(?<=:\/\/)[^\s/@]+:[^\s/@]+(?=@)|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(sk|pk|ghp|gho|xox[abp]|AKIA)[-_]?[\w-]{12,}/gi
const longestText = 200
const longestName = 100
const mostItems = 10
const mostFields = 30
const deepest = 4
/** Values in all: what holds the same thing many times over would grow with every level. */
const mostValues = 300

/**
 * A small copy of a tool's input or result, for an event: text is cut, long arrays and deep objects are
 * shortened, what looks like a secret is left out, what JSON cannot carry is named. Calls no getter. Never
 * throws.
 */
export function preview(value: unknown): unknown {
  return previewValue(value, 0, { left: mostValues })
}

interface Budget {
  left: number
}

function previewValue(value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= 1
  if (typeof value === 'string') return previewText(value)
  // JSON has no minus zero.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (value === undefined) return null
  if (typeof value !== 'object') return `(${typeof value})`
  try {
    const isList = Array.isArray(value)
    if (depth >= deepest || budget.left <= 0) return isList ? '(array)' : '(object)'
    return isList ? previewList(value, depth, budget) : previewObject(value, depth, budget)
  } catch {
    // A proxy that throws, or was revoked.
    return '(object)'
  }
}

function previewText(text: string): string {
  const shown = text.slice(0, 2 * longestText).replaceAll(secretText, '(left out)')
  if (text.length <= longestText) return shown
  return `${wholeCharacters(shown.slice(0, longestText))}… (${text.length} characters)`
}

function previewList(list: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const items: unknown[] = []
  const { length } = list
  for (let index = 0; index < Math.min(length, mostItems); index += 1) {
    // Through the descriptor, because reading it could call a getter.
    items.push(previewValue(Object.getOwnPropertyDescriptor(list, index)?.value, depth + 1, budget))
  }
  if (length > mostItems) items.push(`… (${length} items)`)
  return items
}

function previewObject(value: object, depth: number, budget: Budget): unknown {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (value instanceof Date) return previewDate(value)
  if (prototype !== null && prototype !== Object.prototype) return `(${className(value)})`
  const names = Object.keys(value)
  const fields: [string, unknown][] = []
  for (const name of names.slice(0, mostFields)) {
    const field: unknown = Object.getOwnPropertyDescriptor(value, name)?.value
    const shown = secretName.test(name) ? '(left out)' : previewValue(field, depth + 1, budget)
    fields.push([wholeCharacters(name.slice(0, longestName)), shown])
  }
  if (names.length > mostFields) fields.push(['…', `(${names.length} fields)`])
  return Object.fromEntries(fields)
}

function previewDate(date: Date): unknown {
  const time = Date.prototype.getTime.call(date)
  return Number.isNaN(time) ? null : new Date(time).toISOString()
}

function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  const constructor: unknown =
    typeof prototype === 'object' && prototype !== null
      ? Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
      : undefined
  if (typeof constructor !== 'function' || constructor === Object) return 'object'
  const name: unknown = Object.getOwnPropertyDescriptor(constructor, 'name')?.value
  return typeof name === 'string' && name !== '' ? name.slice(0, longestName) : 'object'
}

/** Without the half of a character at its end. */
function wholeCharacters(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text
}
