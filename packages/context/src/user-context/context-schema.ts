import * as z from 'zod'
import { ArgumentError } from '../argument-error.ts'
import { ContextError, type ContextIssue } from '../errors.ts'
import { checkString, kindOf, wrongArgument } from '../internal/argument.ts'
import { freezePlainData, NotPlainData } from '../internal/plain-data.ts'
import { isNarrowing } from '../internal/narrow.ts'
import { violation } from '../internal/violation.ts'
import { isPlainText, quickBase } from './quick-base.ts'
import { createRedaction, type Redaction } from './redaction.ts'
import type { ContextAdditions, ContextDefinition, UserContext } from './user-context.ts'

// Identifiers reach logs and keys: a length, no control characters, no half characters (in UTF-8 they all
// become the same one), and none of the words that a missing value turns into when somebody makes a
// string of it.
const unsafe = /[\p{Cc}\p{Cs}\u2028\u2029]/u
const accidental = new Set(['undefined', 'null', 'nan', '[object object]', 'anonymous'])

const identifier = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (value) => !unsafe.test(value),
    'control characters and unpaired surrogates are not allowed',
  )
  .refine((value) => value === '' || value.trim() !== '', 'blanks alone name nothing')

const ownerId = identifier.refine(
  (value) => !accidental.has(value.trim().toLowerCase()),
  'this word stands for a missing value, not for an owner',
)

/**
 * What every user context has, before the application adds its own fields. `requestId` is made up where
 * none is given; an empty `tenantId` is the same as none.
 */
const baseContext = z.object({
  userId: ownerId,
  tenantId: z.preprocess((value) => (value === '' ? undefined : value), ownerId.optional()),
  threadId: identifier.optional(),
  runId: identifier.optional(),
  requestId: identifier.optional(),
  roles: z.array(identifier).max(256).default([]),
})

// They name what is being done, not what may be done: a child may do something else.
const unitsOfWork = new Set(['requestId', 'runId'])

const baseFields = Object.keys(baseContext.shape)

/** The door that a definition's contexts come through: once, whole; afterwards only additions (I2). */
export function createContextSchema(name: string, schema: z.ZodObject): ContextDefinition {
  checkString('defineUserContext()', 'name', name)
  if (!(schema instanceof z.ZodObject)) {
    throw wrongArgument('defineUserContext()', 'schema', 'a z.object() of zod 4', kindOf(schema))
  }
  const shape = schema.shape
  for (const field of ['userId', 'tenantId', 'roles']) {
    if (field in shape) {
      throw new ArgumentError(
        `Cannot define "${name}": "${field}" is a field of every user context and cannot be redefined`,
      )
    }
  }
  const redaction = createRedaction(schema)
  const ownFields = Object.keys(shape)
  // Where the application narrows a built-in field, or hides one of its own, the long way is the way.
  const quick = redaction === undefined && !ownFields.some((field) => baseFields.includes(field))
  const fields: Fields = new Map(Object.entries({ ...baseContext.shape, ...shape }))
  const addsNothing = ownFields.length === 0 && dropsTheRest(schema)

  function parseQuickly(input: unknown, requestId: () => string): UserContext | undefined {
    if (!isOrdinary(input)) return undefined
    const context = quickBase(input, requestId)
    if (context === undefined) return undefined
    if (!addsNothing) {
      const given = withoutBase(input, shape)
      const attempt = { name, redaction, input: given }
      const own = freeze(attempt, accept(attempt, schema, given))
      // What the schema puts out for a built-in field it does not have is not what came in by the door.
      for (const [field, value] of Object.entries(own ?? {})) {
        if (!baseFields.includes(field)) context[field] = value
      }
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Object.freeze(context) as unknown as UserContext
  }

  function parse(input: unknown, requestId: () => string): UserContext {
    const quickly = quick ? parseQuickly(input, requestId) : undefined
    if (quickly !== undefined) return quickly
    if (typeof input !== 'object' || input === null) {
      throw invalid(name, [{ path: '', message: `expected an object, got ${typeName(input)}` }])
    }
    const given = readOnce(name, input, ownFields)
    const attempt = { name, redaction, input: given }
    const base = accept(attempt, baseContext, given)
    const own = accept(attempt, schema, withoutBase(given, shape, bare()))
    const merged: Record<string, unknown> = { ...base, ...withoutBase(own, shape) }
    const whole = { ...merged, requestId: merged['requestId'] ?? requestId() }
    // Freezing leaves out what is undefined, so that absent and undefined are one thing.
    const context = Object(freeze(attempt, whole))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return alone(redaction === undefined ? context : redaction.hide(context)) as UserContext
  }

  function extend(inherited: UserContext, additions: ContextAdditions): UserContext {
    const had = (field: string): unknown =>
      Object.hasOwn(inherited, field) ? Reflect.get(inherited, field) : undefined
    const changed: Record<string, unknown> = {}
    for (const [field, value] of Object.entries(additions)) {
      if (value === undefined) continue
      if (field === 'userId' || field === 'tenantId') {
        if (value === (had(field) ?? '') || value === had(field)) continue
        throw violation(
          'CROSS_OWNER',
          `Cannot open a child scope with another "${field}": the owner never changes inside a scope. ` +
            'Open a scope of its own for the other user, outside this one.',
        )
      }
      const parsed =
        quick && unitsOfWork.has(field) && isPlainText(value)
          ? value
          : parseField({ name, redaction, input: { [field]: value } }, fields, field, value)
      if (!unitsOfWork.has(field) && had(field) !== undefined && !isNarrowing(had(field), parsed)) {
        throw invalid(name, [
          {
            path: field,
            message:
              'a child scope may add or narrow, and this field is already set to something else',
          },
        ])
      }
      changed[field] = parsed
    }
    // Inherited values are frozen already and are not parsed again.
    const extended =
      redaction === undefined
        ? Object.freeze({ ...inherited, ...changed })
        : redaction.extend(inherited, changed)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return alone(extended) as UserContext
  }

  return Object.freeze({ name, parse, extend })
}

/**
 * The fields of what was given, each read once: an accessor could give the schema one value and the scope
 * another. What is no plain object is refused here, and so is a field that would become a prototype.
 */
function readOnce(
  name: string,
  input: object,
  ownFields: readonly string[],
): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(input)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!isPlain || Array.isArray(input)) {
    throw invalid(name, [{ path: '', message: 'expected a plain object, got another kind' }])
  }
  if (Object.hasOwn(input, '__proto__')) {
    throw invalid(name, [{ path: '__proto__', message: 'no field can have this name' }])
  }
  const given: Record<string, unknown> = Object.assign(bare(), input)
  // By name, so that what does not enumerate, as the secrets of a context that is opened again, comes along.
  for (const field of [...baseFields, ...ownFields]) {
    if (!Object.hasOwn(given, field) && Object.hasOwn(input, field)) {
      given[field] = Reflect.get(input, field)
    }
  }
  return given
}

/** An object that inherits nothing: what somebody wrote on `Object.prototype` is nobody's tenant or role. */
function bare(): Record<string, unknown> {
  return Object.create(null)
}

const literal: object = {}

/** Whether every object has fields that are none of its own. */
function isPolluted(): boolean {
  // oxlint-disable-next-line eslint/guard-for-in, eslint/no-unreachable-loop -- it is the inherited ones that are looked for
  for (const field in literal) return field !== undefined
  return false
}

/** A frozen context again; where every object has fields that are none of its own, one without them. */
function alone(context: object): object {
  return isPolluted()
    ? Object.freeze(Object.create(null, Object.getOwnPropertyDescriptors(context)))
    : context
}

/** Whether it is an object as a literal makes it: what `readOnce` would take as it is. */
function isOrdinary(input: unknown): input is Readonly<Record<string, unknown>> {
  return (
    typeof input === 'object' &&
    input !== null &&
    Object.getPrototypeOf(input) === Object.prototype &&
    !Object.hasOwn(input, '__proto__') &&
    !Array.isArray(input) &&
    !isPolluted()
  )
}

/** Whether a schema without fields lets nothing of its own in: no catch-all, no checks. */
function dropsTheRest({ def }: z.ZodObject): boolean {
  return def.catchall === undefined && (def.checks === undefined || def.checks.length === 0)
}

/** What is being let in, for errors to tell what is wrong with it and not what it says. */
interface Attempt {
  readonly name: string
  readonly redaction: Redaction | undefined
  readonly input: unknown
}

type Fields = ReadonlyMap<string, z.ZodType>

function parseField(attempt: Attempt, fields: Fields, field: string, value: unknown): unknown {
  const fieldSchema = fields.get(field)
  if (fieldSchema === undefined) {
    throw invalid(attempt.name, [{ path: field, message: 'the schema has no such field' }])
  }
  const parsed = accept(attempt, fieldSchema, value, field)
  return freeze(attempt, parsed, field)
}

/** What is the application's: all but the built-in fields, and of those the ones that its schema narrows itself. */
function withoutBase(
  whole: object,
  shape: z.ZodRawShape,
  rest: Record<string, unknown> = {},
): Record<string, unknown> {
  for (const field of Object.keys(whole)) {
    if (!baseFields.includes(field)) rest[field] = Reflect.get(whole, field)
  }
  // By name, so that the secrets of a context that is opened again come along.
  for (const field of Object.keys(shape)) {
    if (!Object.hasOwn(rest, field) && Object.hasOwn(whole, field)) {
      rest[field] = Reflect.get(whole, field)
    }
  }
  return rest
}

function accept<Schema extends z.ZodType>(
  attempt: Attempt,
  schema: Schema,
  input: unknown,
  field?: string,
): z.output<Schema> {
  const { name, redaction } = attempt
  let result: z.ZodSafeParseResult<z.output<Schema>>
  try {
    result = schema.safeParse(input)
  } catch (error) {
    throw invalid(
      name,
      [{ path: field ?? '', message: 'the schema must be synchronous and must not throw' }],
      // Nobody knows what the schema's own error says, so with secrets about it is not passed on.
      redaction === undefined ? error : undefined,
    )
  }
  if (result.success) return result.data
  throw invalid(
    name,
    result.error.issues.map(({ path, message }) =>
      tell(attempt, [...(field === undefined ? [] : [field]), ...path.map(String)], message),
    ),
  )
}

function freeze(attempt: Attempt, value: unknown, path?: string): unknown {
  try {
    return freezePlainData(value, path)
  } catch (error) {
    if (error instanceof NotPlainData) {
      throw invalid(attempt.name, [tell(attempt, error.path.split('.'), error.message)])
    }
    throw error
  }
}

function tell(
  { redaction, input }: Attempt,
  path: readonly string[],
  message: string,
): ContextIssue {
  const issue = { path: path.join('.'), message }
  return redaction === undefined ? issue : redaction.redact(issue, path, input)
}

function invalid(name: string, issues: readonly ContextIssue[], cause?: unknown): ContextError {
  const reasons = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return violation(
    'INVALID_CONTEXT',
    `Cannot open a scope of "${name}": ${reasons.join('; ')}. Nothing ran.`,
    { issues },
    cause,
  )
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value
}
