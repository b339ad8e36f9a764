import type { UserContext } from '@ringfence/context'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { leftOut } from './mask-text.ts'

/** A text without the secrets of the run's user context. */
export type Redact = (text: string) => string

/** Where the context has no secret: nothing is looked for, and nothing is copied. */
export const redactNothing: Redact = (text) => text

// Shorter ones are no secrets, and stand in every sentence.
const shortest = 4
const deepest = 16

/**
 * Leaves out of texts what the context's schema marks as `secret()`, as it is, as JSON escapes it, and as a URL does.
 * Called in the scope whose context it is.
 */
export function redactionOf(context: UserContext): Redact {
  if (!hides(context, 0)) return redactNothing
  const secrets = new Set<string>()
  collect(context, secrets, 0)
  if (secrets.size === 0) return redactNothing
  const forms = new Set(
    [...secrets].flatMap((text) => [text, JSON.stringify(text).slice(1, -1), encoded(text)]),
  )
  // The longest first: one may be a part of another.
  const longestFirst = [...forms].toSorted((one, other) => other.length - one.length)
  return (text) => longestFirst.reduce((left, form) => left.replaceAll(form, leftOut), text)
}

/** What came from the application, so that a number may be a secret as well. */
const foreign = new Set(['input', 'result', 'value'])

/** A frozen copy of an event's data with every text and every name in it redacted. */
export function redactData<Data extends object>(data: Data, redact: Redact): Data {
  const fields = Object.entries(data).map(([name, value]) => [
    name,
    redacted(value, redact, foreign.has(name)),
  ])
  // What has the shape of `Data` still has it: only texts differ, and what nobody has said the shape of.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return deepFreeze(Object.fromEntries(fields) as Data)
}

function redacted(value: unknown, redact: Redact, numbers: boolean): unknown {
  if (typeof value === 'string') return redact(value)
  if (typeof value === 'number' && numbers) {
    return redact(String(value)) === String(value) ? value : leftOut
  }
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact, numbers))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [redact(name), redacted(item, redact, numbers)]),
  )
}

/** Whether anything in it does not enumerate. Most contexts hold nothing of the kind, and are looked through quickly. */
function hides(value: object, depth: number): boolean {
  if (depth > deepest) return false
  // A list has its length besides.
  const named = Object.getOwnPropertyNames(value).length - (Array.isArray(value) ? 1 : 0)
  const items: unknown[] = Object.values(value)
  if (items.length !== named) return true
  for (const item of items) {
    if (typeof item === 'object' && item !== null && hides(item, depth + 1)) return true
  }
  return false
}

/** A secret is an accessor that does not enumerate, and all that it holds. */
function collect(value: object, secrets: Set<string>, depth: number): void {
  if (depth > deepest) return
  for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(value))) {
    if (descriptor.get !== undefined && descriptor.enumerable === false) {
      collectLeaves(descriptor.get.call(value), secrets, depth + 1)
    } else if (typeof descriptor.value === 'object' && descriptor.value !== null) {
      collect(descriptor.value, secrets, depth + 1)
    }
  }
}

function collectLeaves(value: unknown, secrets: Set<string>, depth: number): void {
  if (typeof value === 'object' && value !== null) {
    if (depth > deepest) return
    for (const field of Object.values(Object.getOwnPropertyDescriptors(value))) {
      collectLeaves(
        field.get === undefined ? field.value : field.get.call(value),
        secrets,
        depth + 1,
      )
    }
    return
  }
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return
  const text = String(value).trim()
  if (text.length >= shortest) secrets.add(text)
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    // Half a character has no form in a URL.
    return text
  }
}
