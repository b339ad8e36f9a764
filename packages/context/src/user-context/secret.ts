/* oxlint-disable eslint/no-underscore-dangle -- zod keeps there what libraries are to read */
import * as z from 'zod'

const mark = Symbol.for('ringfence.secret')

/**
 * Marks a field of a user context as secret. It is read by its name (`users.current().apiKey`), and left out
 * of everything that takes a context as a whole: JSON, logs, `console.log`, spreads, `Object.entries`,
 * `structuredClone`, errors, sealed envelopes. Types and checks stay as they are; the mark stays with what
 * is made from the schema (`.min()`, `.optional()`, `.extend()`).
 *
 * Once read, the value is an ordinary one, with all that it holds. The fields of a secret object show in what
 * prints that object; mark the fields to keep them out of there as well.
 *
 * @example
 * const users = defineUserContext('app-user', z.object({ apiKey: secret(z.string()).optional() }))
 */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  // In the definition and not in a registry: zod hands it on to whatever is derived from the schema.
  const definition = z.core.util.mergeDefs(schema._zod.def, { [mark]: true })
  return z.core.clone(schema, definition, { parent: true })
}

type AnySchema = z.core.$ZodType

/**
 * Whether a value that passes the schema is secret as a whole. The elements of an array cannot be hidden one
 * by one, nor can the names of a record: a container of secrets is one secret. So is all that a transform
 * makes of a secret, whatever it calls it.
 */
export function isSecret(schema: AnySchema, seen: Set<AnySchema> = new Set()): boolean {
  if (mark in schema._zod.def) return true
  if (seen.has(schema)) return false
  seen.add(schema)
  if (schema instanceof z.core.$ZodPipe && containsSecret(schema._zod.def.in)) return true
  return [...sameValue(schema), ...elements(schema)].some((part) => isSecret(part, seen))
}

/** Whether a value that passes the schema is secret, or any part of it. */
export function containsSecret(schema: AnySchema, seen: Set<AnySchema> = new Set()): boolean {
  if (mark in schema._zod.def) return true
  if (seen.has(schema)) return false
  seen.add(schema)
  const parts = [...sameValue(schema), ...elements(schema), ...fields(schema)]
  if (schema instanceof z.core.$ZodPipe) parts.push(schema._zod.def.in)
  return parts.some((part) => containsSecret(part, seen))
}

/** The schemas inside this one that look at the same value: of a wrapper, a union, a pipe. */
export function sameValue(schema: AnySchema): readonly AnySchema[] {
  if (schema instanceof z.core.$ZodLazy) return [schema._zod.def.getter()]
  if (schema instanceof z.core.$ZodPipe) return [schema._zod.def.out]
  if (schema instanceof z.core.$ZodUnion) return schema._zod.def.options
  if (schema instanceof z.core.$ZodIntersection) {
    return [schema._zod.def.left, schema._zod.def.right]
  }
  const inner: unknown = Reflect.get(schema._zod.def, 'innerType')
  return inner instanceof z.core.$ZodType ? [inner] : []
}

/** The schemas of what has no field name of its own: an array's items, a record's names and values. */
export function elements(schema: AnySchema): readonly AnySchema[] {
  if (schema instanceof z.core.$ZodArray) return [schema._zod.def.element]
  if (schema instanceof z.core.$ZodRecord) {
    return [schema._zod.def.keyType, schema._zod.def.valueType]
  }
  if (!(schema instanceof z.core.$ZodTuple)) return []
  const { items, rest } = schema._zod.def
  return rest === null ? items : [...items, rest]
}

/** The schemas of an object's fields, and last the one for fields without a schema of their own. */
export function fields(schema: AnySchema): readonly AnySchema[] {
  if (!(schema instanceof z.core.$ZodObject)) return []
  const { shape, catchall } = schema._zod.def
  return catchall === undefined ? Object.values(shape) : [...Object.values(shape), catchall]
}

/** The schema of one field of an object. */
export function fieldOf(schema: AnySchema, name: string): AnySchema | undefined {
  if (!(schema instanceof z.core.$ZodObject)) return undefined
  const { shape, catchall } = schema._zod.def
  return Object.hasOwn(shape, name) ? shape[name] : catchall
}
