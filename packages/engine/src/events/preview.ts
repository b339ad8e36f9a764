import { leftOut, withoutSecrets } from './mask-text.ts'
import { redactNothing, type Redact } from './redaction.ts'
import { isSecretName } from './secret-name.ts'

export interface PreviewOptions {
  /** Takes out the secrets of the run's user context. Default: there are none. */
  readonly redact?: Redact
  /** Characters of one text. Default 200. */
  readonly longestText?: number
}

/** Characters of one text in what a tool returned. */
export const resultTextLength = 500

const longestName = 100
/** At the end of a text that was cut before it was looked at, a secret may be incomplete. */
const margin = 1_024
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
export function preview(value: unknown, options: PreviewOptions = {}): unknown {
  const { redact = redactNothing, longestText = 200 } = options
  return previewValue(value, 0, { left: mostValues, redact, longestText })
}

interface Budget {
  left: number
  readonly redact: Redact
  readonly longestText: number
}

function previewValue(value: unknown, depth: number, budget: Budget): unknown {
  budget.left -= 1
  if (typeof value === 'string') return previewText(value, budget)
  if (typeof value === 'number') return previewNumber(value, budget)
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

function previewNumber(value: number, { redact }: Budget): unknown {
  const text = String(value)
  if (redact(text) !== text) return leftOut
  // JSON has no minus zero.
  return Number.isFinite(value) ? value + 0 : text
}

function previewText(text: string, { redact, longestText }: Budget): string {
  const looked = text.slice(0, 8 * longestText + margin)
  const clean = withoutSecrets(redact(looked))
  if (looked.length < text.length) {
    // What was cut through the middle of a secret stands at the end, and is not shown.
    return `${wholeCharacters(clean.slice(0, Math.min(longestText, Math.max(0, clean.length - margin))))}… (${text.length} characters)`
  }
  if (text.length <= longestText) return clean
  return `${wholeCharacters(clean.slice(0, longestText))}… (${text.length} characters)`
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
    const shown = isSecretName(name) ? leftOut : previewValue(field, depth + 1, budget)
    const clean = withoutSecrets(budget.redact(name.slice(0, 2 * longestName)))
    fields.push([wholeCharacters(clean.slice(0, longestName)), shown])
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
