import * as z from 'zod'
import { ArgumentError } from '../argument-error.ts'
import type { ContextIssue } from '../errors.ts'
import { printed } from '../internal/printed.ts'
import { containsSecret, elements, fieldOf, isSecret, sameValue } from './secret.ts'

type AnySchema = z.core.$ZodType

/** What keeps the secret fields of one definition out of sight. */
export interface Redaction {
  /** A frozen context again, with its secret fields behind accessors that do not enumerate. */
  hide(context: object): object
  /** `inherited` with `changed` laid over it, frozen, and what was hidden still hidden. */
  extend(inherited: object, changed: Record<string, unknown>): object
  /** What an error may say of an issue: never a value at a secret path, nor one that a message spells. */
  redact(issue: ContextIssue, path: readonly string[], input: unknown): ContextIssue
}

/** How secrets of contexts that pass the schema are hidden, or undefined where there are none. */
export function createRedaction(schema: z.ZodObject): Redaction | undefined {
  if (isSecret(schema)) {
    throw new ArgumentError(
      'Expected secret() around single fields, not around a whole user context',
    )
  }
  if (!containsSecret(schema)) return undefined

  return {
    hide: (context) => frozenFrom(hiddenFields(schema, context)),

    extend(inherited, changed) {
      const hidden = hiddenFields(schema, changed)
      return frozenFrom({ ...Object.getOwnPropertyDescriptors(inherited), ...hidden })
    },

    redact(issue, path, input) {
      const visible = visiblePath(schema, path)
      if (visible.length < path.length || isSecretAt(schema, path)) {
        return { path: visible.join('.'), message: 'the secret value was refused' }
      }
      return spells(issue.message, secretsIn(schema, input))
        ? { path: issue.path, message: 'refused, in words that would have told a secret' }
        : issue
    },
  }
}

/** Accessors, because Node's `inspect` shows a hidden property's value when it is asked for hidden properties. */
function hiddenFields(schema: AnySchema, value: object): PropertyDescriptorMap {
  const descriptors = Object.getOwnPropertyDescriptors(value)
  for (const [name, descriptor] of Object.entries(descriptors)) {
    const field = fieldOf(schema, name)
    // Hidden already, as by another member of the same union.
    if (field === undefined || descriptor.get !== undefined) continue
    const held = cover(field, descriptor.value)
    descriptors[name] = isSecret(field)
      ? { get: () => held, enumerable: false }
      : { value: held, enumerable: true }
  }
  return descriptors
}

/** A frozen value again, with the secrets below it hidden. */
function cover(schema: AnySchema, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !containsSecret(schema)) return value
  const seen = sameValue(schema).reduce((covered, part) => cover(part, covered), value as unknown)
  if (typeof seen !== 'object' || seen === null) return seen
  if (schema instanceof z.core.$ZodObject) return frozenFrom(hiddenFields(schema, seen))
  const inside = elements(schema)
  if (inside.length === 0) return seen
  const coverItem = (item: unknown): unknown =>
    inside.reduce((covered, part) => cover(part, covered), item)
  if (Array.isArray(seen)) return Object.freeze(seen.map(coverItem))
  return Object.freeze(
    Object.fromEntries(Object.entries(seen).map(([name, item]) => [name, coverItem(item)])),
  )
}

function frozenFrom(descriptors: PropertyDescriptorMap): object {
  // Told to show hidden properties and to call getters, they would show what is behind ours.
  const hides = Object.values(descriptors).some(({ enumerable }) => enumerable !== true)
  const print = hides ? { [printed]: { value: visibleFields, enumerable: false } } : {}
  return Object.freeze(Object.defineProperties({}, { ...descriptors, ...print }))
}

function visibleFields(this: object): object {
  return { ...this }
}

/** Up to and with the first secret field: what is below it may be named after a secret. */
function visiblePath(schema: AnySchema, path: readonly string[]): readonly string[] {
  const end = path.findIndex((_, index) => isSecretAt(schema, path.slice(0, index + 1)))
  return end === -1 ? path : path.slice(0, end + 1)
}

function isSecretAt(schema: AnySchema, path: readonly string[]): boolean {
  if (isSecret(schema)) return true
  const [name, ...rest] = path
  if (name === undefined) return false
  const field = fieldOf(schema, name)
  return (
    (field !== undefined && isSecretAt(field, rest)) ||
    elements(schema).some((part) => isSecretAt(part, rest)) ||
    sameValue(schema).some((part) => isSecretAt(part, path))
  )
}

/** The secret texts and numbers in what was given to the schema. */
function secretsIn(schema: AnySchema, input: unknown): readonly string[] {
  if (isSecret(schema)) return leavesOf(input)
  if (typeof input !== 'object' || input === null) return []
  const below = Object.entries(input).flatMap(([name, item]) =>
    [fieldOf(schema, name) ?? [], elements(schema)].flat().flatMap((part) => secretsIn(part, item)),
  )
  return [...below, ...sameValue(schema).flatMap((part) => secretsIn(part, input))]
}

const deepest = 32

function leavesOf(value: unknown, depth: number = 0): readonly string[] {
  if (typeof value === 'object' && value !== null) {
    if (depth > deepest) return []
    return Object.entries(value).flatMap(([name, item]) => [name, ...leavesOf(item, depth + 1)])
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? [String(value)]
    : []
}

// Shorter ones are no secrets, and stand in every sentence.
const shortest = 3

function spells(message: string, secrets: readonly string[]): boolean {
  return secrets
    .map((text) => text.trim())
    .some(
      (text) =>
        text.length >= shortest &&
        (message.includes(text) || message.includes(JSON.stringify(text).slice(1, -1))),
    )
}
