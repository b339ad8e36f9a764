import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineUserContext, inspect, secret, type ContextError } from '../src/index.ts'
import { contextError, thrownBy } from './support/caught.ts'
import { untyped } from './support/untyped.ts'
import { alice } from './support/users.ts'

const canary = 'canary-7f3a9c'
const vaultSchema = z.object({ host: z.string(), token: secret(z.string()) })
const users = defineUserContext(
  'with-secrets',
  z.object({
    plan: z.string().default('free'),
    apiKey: secret(z.string().min(3)),
    vault: vaultSchema,
  }),
)
const vault = { host: 'vault.example', token: canary }
const input = { ...alice, apiKey: canary, vault }

/** Everything that takes a value as a whole, on every runtime. */
function expectHidden(value: object): void {
  expect(JSON.stringify(value)).not.toContain(canary)
  expect(JSON.stringify({ ...value })).not.toContain(canary)
  expect(JSON.stringify(Object.entries(value))).not.toContain(canary)
  expect(JSON.stringify(Object.values(value))).not.toContain(canary)
  expect(JSON.stringify(Object.assign({}, value))).not.toContain(canary)
  expect(JSON.stringify(structuredClone(value))).not.toContain(canary)
  const { ...rest } = value
  expect(JSON.stringify(rest)).not.toContain(canary)
  for (const name in value) expect(JSON.stringify(Reflect.get(value, name))).not.toContain(canary)
  const descriptors = Object.values(Object.getOwnPropertyDescriptors(value))
  expect(JSON.stringify(descriptors)).not.toContain(canary)
}

function expectReadable(context: object = users.current()): void {
  expect(context).toHaveProperty('apiKey', canary)
  expect(context).toHaveProperty('vault.token', canary)
}

function entryOf<Entry>(table: Record<string, Entry>, name: string): Entry {
  const entry = table[name]
  if (entry === undefined) throw new Error(`no entry "${name}"`)
  return entry
}

function tells(error: ContextError): string {
  return JSON.stringify([
    error.message,
    error.issues,
    error.stack,
    String(error.cause),
    Object.entries(error),
  ])
}

describe('a secret field', () => {
  test('is read by its name, with its type, and by nothing that takes the context as a whole', async () => {
    await users.run(input, (scope) => {
      const key: string = users.current().apiKey
      expect(key).toBe(canary)
      expectReadable()
      expectReadable({ ...untyped<object>(users.tryCurrent()), apiKey: key })
      expectHidden(users.current())
      expectHidden(scope.context)
      expectHidden({ context: users.current() })
      expect(Object.keys(users.current())).not.toContain('apiKey')
      expect(Object.keys(users.current().vault)).toEqual(['host'])
      expect('apiKey' in users.current()).toBe(true)
      expect(JSON.stringify(inspect())).not.toContain(canary)
    })
    expect.hasAssertions()
  })

  test('cannot be changed, shown or taken away', async () => {
    await users.run(input, () => {
      const context = users.current()
      expect(Object.isFrozen(context)).toBe(true)
      expect(Object.isFrozen(context.vault)).toBe(true)
      expect(() => Object.assign(context, { apiKey: 'other' })).toThrow(TypeError)
      expect(() => Object.defineProperty(context, 'apiKey', { enumerable: true })).toThrow(
        TypeError,
      )
      expect(Reflect.deleteProperty(context, 'apiKey')).toBe(false)
    })
  })

  test('stays secret and readable in children, detached work, tasks, cleanups and a second run', async () => {
    await users.run(input, async (scope) => {
      const check = (): void => {
        expectReadable()
        expectHidden(users.current())
      }
      await users.child({ threadId: 't' }, check)
      await users.child({ roles: [] }, () => users.child({ requestId: 'r' }, check))
      await scope.detach('later', { deadlineMs: 1_000 }, check)
      await scope.detach('wider', { deadlineMs: 1_000, context: { threadId: 't' } }, check)
      await scope.spawn('task', check)
      await users.run(users.current(), check)
      users.runSync(users.current(), check)
      scope.defer(check)
    })
    expect.hasAssertions()
  })

  test('may be added by a child, and not be changed by one: not as a whole, and not inside', async () => {
    const later = defineUserContext(
      'later',
      z.object({ apiKey: secret(z.string()).optional(), vault: vaultSchema.optional() }),
    )
    await later.run(alice, async () => {
      expect('apiKey' in later.current()).toBe(false)
      await later.child({ apiKey: canary, vault }, async () => {
        expectReadable(later.current())
        expectHidden(later.current())
        for (const additions of [
          { apiKey: 'another-one' },
          { vault: { ...vault, token: 'another-one' } },
        ]) {
          const error = await contextError(() => later.child(additions, () => 1))
          expect(error.code).toBe('INVALID_CONTEXT')
          expect(tells(error)).not.toMatch(/canary|another-one/)
        }
        await later.child({ apiKey: canary, vault }, () => expectReadable(later.current()))
      })
    })
  })
})

describe('the mark stays', () => {
  const text = secret(z.string())
  const shapes: Record<string, [schema: z.ZodType, value: unknown]> = {
    min: [text.min(3), canary],
    refine: [text.refine(() => true), canary],
    trim: [text.trim(), canary],
    describe: [text.describe('a key'), canary],
    meta: [text.meta({ title: 'key' }), canary],
    register: [secret(z.string()).register(z.globalRegistry, { title: 'key' }), canary],
    brand: [text.brand('key'), canary],
    optional: [text.optional(), canary],
    nullable: [text.nullable(), canary],
    nullish: [text.nullish(), canary],
    default: [text.default(canary), undefined],
    prefault: [text.prefault(canary), undefined],
    catch: [text.catch(canary), 1],
    readonly: [text.readonly(), canary],
    'a mark around wrappers': [secret(z.string().optional().default('x')), canary],
    transform: [text.transform((value) => `${value}!`), canary],
    pipe: [z.unknown().pipe(text), canary],
    preprocess: [z.preprocess((value) => value, text), canary],
    'transform of an object': [
      z
        .object({ key: text.optional(), renamed: text.optional() })
        .transform(({ key, renamed }) => ({ renamed: key ?? renamed })),
      { key: canary },
    ],
    union: [z.union([z.number(), text]), canary],
    lazy: [z.lazy(() => text), canary],
    array: [z.array(text), [canary]],
    record: [z.record(z.string(), text), { name: canary }],
    'record of secret names': [z.record(text, z.string()), { [canary]: 'x' }],
    tuple: [z.tuple([z.string(), text]), ['x', canary]],
    'rest of a tuple': [z.tuple([z.string()], text), ['x', canary]],
    'an object': [secret(z.object({ token: z.string() })), { token: canary }],
    'an extended object': [
      secret(z.object({ token: z.string() })).extend({ b: z.number().optional() }),
      { token: canary },
    ],
    'an enum without an item': [secret(z.enum([canary, 'b'])).exclude(['b']), canary],
    'a field of an object': [z.object({ token: text }), { token: canary }],
    'a field of a partial object': [z.object({ token: text }).partial(), { token: canary }],
    'a field of an optional object': [z.object({ token: text }).optional(), { token: canary }],
    'an unknown field': [z.object({}).catchall(text), { token: canary }],
    'a field in an array': [z.array(z.object({ token: text })), [{ token: canary }]],
    'a field in a record': [
      z.record(z.string(), z.object({ token: text })),
      { a: { token: canary } },
    ],
    'a field in a tuple': [z.tuple([z.object({ token: text })]), [{ token: canary }]],
    'a field in a union': [
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a'), token: text }),
        z.object({ kind: z.literal('b') }),
      ]),
      { kind: 'a', token: canary },
    ],
    'a field of an intersection': [
      z.intersection(z.object({ a: z.string() }), z.object({ token: text })),
      { a: 'x', token: canary },
    ],
    'a field of something recursive': [
      z.object({
        token: text,
        get next() {
          return z.object({ token: text }).optional()
        },
      }),
      { token: canary, next: { token: canary } },
    ],
  }
  test.each(Object.keys(shapes))('%s', async (name) => {
    const [schema, value] = entryOf(shapes, name)
    const definition = defineUserContext('shape', z.object({ field: schema }))
    await definition.run(untyped({ ...alice, field: value }), async () => {
      expectHidden(definition.current())
      expect('field' in definition.current()).toBe(true)
      await definition.child({ threadId: 't' }, () => expectHidden(definition.current()))
      await definition.run(untyped(definition.current()), () => expectHidden(definition.current()))
    })
    expect.hasAssertions()
  })

  test('a schema that calls itself has an end', async () => {
    interface Tree {
      token: string
      children: Tree[]
    }
    const tree: z.ZodType<Tree> = z.lazy(() =>
      z.object({ token: secret(z.string()), children: z.array(tree) }),
    )
    const definition = defineUserContext('tree', z.object({ tree }))
    const leaf = { token: canary, children: [] }
    await definition.run({ ...alice, tree: { token: canary, children: [leaf, leaf] } }, () => {
      expectHidden(definition.current())
      expect(definition.current().tree.children[1]?.token).toBe(canary)
    })
  })

  test('a whole user context cannot be one secret', () => {
    expect(() => defineUserContext('all', secret(z.object({})))).toThrow(TypeError)
  })

  test('the schema that was marked is left as it was', () => {
    const plain = z.string()
    secret(plain)
    const definition = defineUserContext('plain', z.object({ field: plain }))
    definition.runSync({ ...alice, field: 'shown' }, () => {
      expect(Object.keys(definition.current())).toContain('field')
    })
  })
})

describe('INVALID_CONTEXT tells no secret', () => {
  const quoting = { error: (issue: { input?: unknown }) => `bad: ${JSON.stringify(issue.input)}` }
  const cases: Record<string, [schema: z.ZodObject, input: object]> = {
    'a custom message': [
      z.object({ apiKey: secret(z.string().refine(() => false, quoting)) }),
      { apiKey: canary },
    ],
    'a custom type message': [z.object({ apiKey: secret(z.number(quoting)) }), { apiKey: canary }],
    'a message on the object around it': [
      z.object({ vault: z.object({ token: secret(z.string()) }).refine(() => false, quoting) }),
      { vault: { token: canary } },
    ],
    'a message on another field': [
      z.object({ plan: z.string(), apiKey: secret(z.string()) }).superRefine((value, check) => {
        check.addIssue({ code: 'custom', path: ['plan'], message: `not with ${value.apiKey}` })
      }),
      { plan: 'free', apiKey: canary },
    ],
    'a name in a secret record': [
      z.object({ keys: secret(z.record(z.string(), z.number())) }),
      { keys: { [canary]: 'no number' } },
    ],
    'an item of an array of secrets': [
      z.object({ keys: z.array(secret(z.string().refine(() => false, quoting))) }),
      { keys: [canary] },
    ],
    'a schema that throws': [
      z.object({
        apiKey: secret(z.string()).refine((value) => {
          throw new Error(`thrown with ${value}`)
        }),
      }),
      { apiKey: canary },
    ],
    'what is not plain data': [
      z.object({ keys: secret(z.record(z.string(), z.unknown())) }),
      { keys: { [canary]: new Date(0) } },
    ],
    'a union': [
      z.object({ apiKey: z.union([secret(z.string().max(3, quoting)), z.number(quoting)]) }),
      { apiKey: canary },
    ],
  }
  test.each(Object.keys(cases))('%s', async (name) => {
    const [schema, fields] = entryOf(cases, name)
    const definition = defineUserContext('strict', schema)
    const error = await contextError(() => definition.run({ ...alice, ...fields }, () => 1))
    expect(error.code).toBe('INVALID_CONTEXT')
    expect(tells(error)).not.toContain(canary)
  })

  test('what is not secret is still told in the schema’s own words', async () => {
    const definition = defineUserContext(
      'strict',
      z.object({
        plan: z.string().refine(() => false, 'no such plan'),
        apiKey: secret(z.string()),
      }),
    )
    const error = await contextError(() =>
      definition.run({ ...alice, plan: 'gold', apiKey: canary }, () => 1),
    )
    expect(error.issues).toEqual([{ path: 'plan', message: 'no such plan' }])
  })

  test('a child’s addition is told as little', async () => {
    const definition = defineUserContext(
      'later',
      z.object({ apiKey: secret(z.string().refine(() => false, quoting)).optional() }),
    )
    const error = await contextError(() =>
      definition.run(alice, () => definition.child({ apiKey: canary }, () => 1)),
    )
    expect(error.issues).toEqual([{ path: 'apiKey', message: 'the secret value was refused' }])
  })

  test('whatever the secret is, neither JSON nor an error shows it', async () => {
    const definition = defineUserContext(
      'any',
      z.object({
        plan: z.string().refine((value) => value !== 'refused', quoting),
        apiKey: secret(z.string()),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 8, unit: 'grapheme' }), async (text) => {
        const apiKey = `${canary}${text}`
        await definition.run({ ...alice, plan: 'free', apiKey }, () => {
          expect(definition.current().apiKey).toBe(apiKey)
          expect(JSON.stringify(definition.current())).not.toContain(canary)
        })
        const error = thrownBy(() =>
          definition.runSync({ ...alice, plan: 'refused', apiKey }, () => 1),
        )
        expect(String(error)).not.toContain(canary)
      }),
      { numRuns: 50 },
    )
  })
})
