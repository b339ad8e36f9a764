import * as z from 'zod'

const mark = Symbol.for('ringfence.secret')

/**
 * Marks a field of a user context as secret. It is read by its name (`users.current().apiKey`), and left out
 * of everything that takes a context as a whole: JSON, logs, `console.log`, spreads, `Object.entries`,
 * `structuredClone`, errors, sealed envelopes. Types and checks stay as they are; the mark stays with what
 * is made from the schema (`.min()`, `.optional()`, `.extend()`).
 *
 * Once read, the value is an ordinary one: mark what must not be shown, not the object around it, and do
 * not copy it to where it shows.
 *
 * @example
 * const users = defineUserContext('app-user', z.object({ apiKey: secret(z.string()).optional() }))
 */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  // In the definition and not in a registry: zod hands it on to whatever is derived from the schema.
  const definition = z.core.util.mergeDefs(schema._zod.def, { [mark]: true })
  return z.core.clone(schema, definition, { parent: true })
}

/** Whether values that pass the schema are secret as a whole. */
export function isSecret(schema: z.core.$ZodType): boolean {
  return anyWithin(schema, (each) => mark in each._zod.def, 'itself')
}

/** Whether anything in what passes the schema is secret. */
export function containsSecret(schema: z.core.$ZodType): boolean {
  return anyWithin(schema, (each) => mark in each._zod.def, 'all')
}

/**
 * The schemas that one is made of, and that look at the very same value (`within: 'itself'`), or at any part of
 * it (`'all'`). The elements of an array cannot be hidden one by one, nor can the names of a record: a
 * container of secrets is one secret. What a transform makes of a secret is secret, whatever it is called.
 */
function anyWithin(
  schema: z.core.$ZodType,
  test: (schema: z.core.$ZodType) => boolean,
  within: 'itself' | 'all',
  seen: Set<z.core.$ZodType> = new Set(),
): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  if (test(schema)) return true
  const { same, below } = partsOf(schema)
  const transformed = throughTransform(schema)
  return (
    (transformed !== undefined && anyWithin(transformed, test, 'all', seen)) ||
    [...same, ...(within === 'all' ? below : [])].some((part) =>
      anyWithin(part, test, within, seen),
    )
  )
}

/** What a transform takes in, where the schema ends in what one made of it. */
function throughTransform(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  return schema instanceof z.core.$ZodPipe ? schema._zod.def.in : undefined
}

interface Parts {
  /** They look at the same value, or at what it holds nameless. */
  readonly same: readonly z.core.$ZodType[]
  /** They look at its fields. */
  readonly below: readonly z.core.$ZodType[]
}

function partsOf(schema: z.core.$ZodType): Parts {
  const inner = innerOf(schema)
  if (inner !== undefined) return { same: [inner], below: [] }
  if (schema instanceof z.core.$ZodUnion) return { same: schema._zod.def.options, below: [] }
  if (schema instanceof z.core.$ZodIntersection) {
    return { same: [schema._zod.def.left, schema._zod.def.right], below: [] }
  }
  if (schema instanceof z.core.$ZodArray) return { same: [schema._zod.def.element], below: [] }
  if (schema instanceof z.core.$ZodTuple) {
    const { items, rest } = schema._zod.def
    return { same: rest === null ? items : [...items, rest], below: [] }
  }
  if (schema instanceof z.core.$ZodRecord) {
    return { same: [schema._zod.def.keyType, schema._zod.def.valueType], below: [] }
  }
  if (schema instanceof z.core.$ZodObject) {
    const { shape, catchall } = schema._zod.def
    const fields = Object.values(shape)
    return { same: [], below: catchall === undefined ? fields : [...fields, catchall] }
  }
  return { same: [], below: [] }
}

/** The schema of the same value inside a wrapper: optional, nullable, default, lazy and the like. */
export function innerOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.core.$ZodLazy) return schema._zod.def.getter()
  if (schema instanceof z.core.$ZodPipe) return schema._zod.def.out
  const inner: unknown = Reflect.get(schema._zod.def, 'innerType')
  return isSchema(inner) ? inner : undefined
}

function isSchema(value: unknown): value is z.core.$ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value
}
