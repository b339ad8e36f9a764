import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { ArgumentError, defineUserContext, type UserContextInput } from '../src/index.ts'
import { contextError, thrownBy } from './support/caught.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const open = defineUserContext('open', z.looseObject({}))

// origins: UEC-1
test('a user context is frozen, all the way down', () => {
  const deep = defineUserContext(
    'deep',
    z.object({ limits: z.object({ models: z.array(z.object({ name: z.string() })) }) }),
  )
  const input = { ...alice, roles: ['reader'], limits: { models: [{ name: 'small' }] } }
  deep.runSync(input, () => {
    const context = deep.current()
    for (const part of [
      context,
      context.roles,
      context.limits,
      context.limits.models,
      context.limits.models[0],
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(() => Object.assign(context, { userId: 'mallory' })).toThrow(TypeError)
    expect(() => Object.assign(context.limits, { models: [] })).toThrow(TypeError)
  })
})

// origins: UEC-1 UEC-6 AIF-6
test('a user context is a copy: changing the input afterwards changes nothing', async () => {
  const roles = ['reader']
  const nested = { models: ['small'] }
  const input = { userId: 'alice', roles, nested }
  await open.run(input, async () => {
    input.userId = 'mallory'
    roles.push('admin')
    nested.models.push('large')
    await Promise.resolve()
    expect(open.current()).toMatchObject({
      userId: 'alice',
      roles: ['reader'],
      nested: { models: ['small'] },
    })
    expect(open.current().roles).not.toBe(roles)
  })
  expect(Object.isFrozen(roles)).toBe(false)
})

test('the same object may open two scopes, and neither gets the other one', () => {
  const one = open.runSync(alice, () => open.current())
  const other = open.runSync(alice, () => open.current())
  expect(one).not.toBe(other)
})

test('an empty tenant and an absent one are the same, and no key says undefined', () => {
  for (const tenantId of ['', undefined]) {
    users.runSync({ ...alice, tenantId, threadId: undefined }, (scope) => {
      expect(Object.keys(users.current()).toSorted()).toEqual([
        'plan',
        'requestId',
        'roles',
        'userId',
      ])
      expect(scope.owner).toEqual({ userId: 'alice' })
    })
  }
})

// origins: UEC-14 DMO-3
test('a request id is made up where none is given, a new one for each scope', () => {
  // What narrows a field that all contexts have is parsed in another way.
  const narrower = defineUserContext('narrower', z.object({ threadId: z.string().optional() }))
  for (const definition of [users, narrower]) {
    const idOf = (requestId?: string): string =>
      definition.runSync({ ...alice, requestId }, () => definition.current().requestId)
    expect(new Set([idOf(), idOf(), idOf()]).size).toBe(3)
    expect(idOf('given')).toBe('given')
  }
})

test('a schema that makes the request id optional does not lose the one that is made up', () => {
  const lenient = defineUserContext(
    'lenient',
    z.object({ requestId: z.union([z.string(), z.undefined()]) }),
  )
  const { requestId } = lenient.runSync({ ...alice, requestId: undefined }, () => lenient.current())
  expect(requestId).toEqual(expect.any(String))
})

// origins: UEC-2 AIF-6
test.each([
  ['no object', 'alice'],
  ['null', null],
  ['no user', {}],
  ['a number for a user', { userId: 7 }],
  ['an empty user', { userId: '' }],
  ['blanks', { userId: '  ' }],
  ['the word undefined', { userId: 'undefined' }],
  ['the word null', { userId: 'NULL' }],
  ['the word NaN', { userId: 'NaN' }],
  ['an object made a string', { userId: '[object Object]' }],
  ['the word anonymous', { userId: ' anonymous' }],
  ['a missing tenant made a string', { userId: 'alice', tenantId: 'undefined' }],
  ['a blank tenant', { userId: 'alice', tenantId: ' ' }],
  ['a line break', { userId: 'alice\nbob' }],
  ['a null character', { userId: 'alice\u0000' }],
  ['a line separator', { userId: 'alice\u2028' }],
  ['half a character', { userId: 'alice\uD800' }],
  ['an overlong user', { userId: 'a'.repeat(257) }],
  ['an overlong thread', { userId: 'alice', threadId: 'a'.repeat(257) }],
  ['roles that are no list', { userId: 'alice', roles: 'admin' }],
  ['too many roles', { userId: 'alice', roles: Array.from({ length: 257 }, () => 'role') }],
  ['a plan that does not exist', { userId: 'alice', plan: 'platinum' }],
])('%s is refused with INVALID_CONTEXT, before anything runs', async (_what, input) => {
  let ran = false
  const wrong = untyped<UserContextInput>(input)
  const error = await contextError(() =>
    users.run(wrong, () => {
      ran = true
    }),
  )
  expect(error.code).toBe('INVALID_CONTEXT')
  expect(error.issues).not.toHaveLength(0)
  expect(ran).toBe(false)
  expect(thrownBy(() => users.runSync(wrong, () => undefined))).toMatchObject({
    code: 'INVALID_CONTEXT',
  })
})

test.each(['alice', 'a'.repeat(256), 'Ålice 中 🧑', 'alice@example.com', '0', 'system'])(
  '%s is a user id',
  (userId) => {
    expect(users.runSync({ userId }, () => users.current().userId)).toBe(userId)
  },
)

class Cart {
  readonly items = 1
}
const cycle: Record<string, unknown> = {}
cycle['self'] = cycle
const deepest = (levels: number): unknown => (levels === 0 ? 'end' : [deepest(levels - 1)])

test.each([
  ['a Date', new Date(0), 'value'],
  ['a Map', new Map(), 'value'],
  ['a Set', new Set(), 'value'],
  ['a typed array', new Uint8Array(1), 'value'],
  ['a promise', Promise.resolve(), 'value'],
  ['a function', () => 1, 'value'],
  ['a symbol', Symbol('s'), 'value'],
  ['a class instance', new Cart(), 'value'],
  ['an inheriting object', Object.create({ inherited: true }), 'value'],
  ['something buried', { list: [1, { when: new Date(0) }] }, 'value.list[1].when'],
  ['a field named __proto__', JSON.parse('{"__proto__": {"admin": true}}'), 'value.__proto__'],
  ['data 40 levels deep', deepest(40), `value${'[0]'.repeat(32)}`],
  ['a cycle', cycle, `value${'.self'.repeat(32)}`],
])('%s is not plain data, and is refused', async (_what, value, path) => {
  const error = await contextError(() => open.run({ ...alice, value }, () => undefined))
  expect(error.code).toBe('INVALID_CONTEXT')
  expect(error.issues.map((issue) => issue.path)).toEqual([path])
})

test.each([
  ['numbers, booleans, null and bigints', { list: [1, true, null, 2n, Number.NaN] }],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ['data 20 levels deep', deepest(20)],
])('%s are plain data', (_what, value) => {
  expect(open.runSync({ ...alice, value }, () => open.current()['value'])).toEqual(value)
})

// origins: UEC-18
test('a __proto__ in the input is refused, and reaches no prototype', async () => {
  const input: unknown = JSON.parse('{"userId": "alice", "__proto__": {"isAdmin": true}}')
  await expect(
    users.run(untyped<UserContextInput>(input), () => users.current()),
  ).rejects.toMatchObject({ code: 'INVALID_CONTEXT' })
  expect('isAdmin' in {}).toBe(false)
})

describe('the application’s schema', () => {
  test('adds its fields, with its defaults and transforms, once', () => {
    let parsed = 0
    const shop = defineUserContext(
      'shop',
      z.object({
        plan: z.string().default('free'),
        seats: z.string().transform((text) => {
          parsed += 1
          return Number(text)
        }),
      }),
    )
    shop.runSync({ ...alice, seats: '3' }, () => {
      expect(shop.current()).toMatchObject({ plan: 'free', seats: 3 })
      shop.current()
    })
    expect(parsed).toBe(1)
  })

  // origins: UEC-9
  test('may be strict about its own fields', async () => {
    const strict = defineUserContext('strict', z.strictObject({ plan: z.string() }))
    await expect(
      strict.run({ ...alice, roles: ['r'], plan: 'x' }, () => strict.current().plan),
    ).resolves.toBe('x')
    const extra = { ...alice, plan: 'x', surprise: 1 }
    expect(await contextError(() => strict.run(extra, () => undefined))).toMatchObject({
      code: 'INVALID_CONTEXT',
      message: expect.stringContaining('surprise'),
    })
  })

  test('may refine the whole', async () => {
    const refined = defineUserContext(
      'refined',
      z
        .object({ from: z.number(), to: z.number() })
        .refine(({ from, to }) => from < to, { message: 'from comes first', path: ['from'] }),
    )
    expect(
      await contextError(() => refined.run({ ...alice, from: 2, to: 1 }, () => 1)),
    ).toMatchObject({ issues: [{ path: 'from', message: 'from comes first' }] })
  })

  test('may narrow a thread id, and is asked as well as the built-in check', async () => {
    const uuids = defineUserContext('uuids', z.object({ threadId: z.uuid() }))
    const threadId = '123e4567-e89b-42d3-a456-426614174000'
    expect(uuids.runSync({ ...alice, threadId }, () => uuids.current().threadId)).toBe(threadId)
    const error = await contextError(() => uuids.run({ ...alice, threadId: 't-1' }, () => 1))
    expect(error.issues.map(({ path }) => path)).toEqual(['threadId'])
  })

  test('must be synchronous', async () => {
    const slow = defineUserContext(
      'slow',
      z.object({ plan: z.string().refine(async () => Promise.resolve(true)) }),
    )
    let ran = false
    const error = await contextError(() =>
      slow.run({ ...alice, plan: 'x' }, () => {
        ran = true
      }),
    )
    expect(error.code).toBe('INVALID_CONTEXT')
    expect(error.message).toContain('synchronous')
    expect(ran).toBe(false)
  })

  test('must not throw, and its own error is the cause', async () => {
    const cause = new Error('broken check')
    const broken = defineUserContext(
      'broken',
      z.object({
        plan: z.string().refine(() => {
          throw cause
        }),
      }),
    )
    expect(
      await contextError(() => broken.run({ ...alice, plan: 'x' }, () => undefined)),
    ).toMatchObject({ code: 'INVALID_CONTEXT', cause })
  })

  // origins: UEC-6 UEC-7
  test.each(['userId', 'tenantId', 'roles'])('cannot redefine %s', (field) => {
    expect(() => defineUserContext('app', z.object({ [field]: z.any() }))).toThrow(
      new ArgumentError(
        `Cannot define "app": "${field}" is a field of every user context and cannot be redefined`,
      ),
    )
  })

  test.each([
    ['adds fields', z.looseObject({})],
    ['narrows a built-in field', z.looseObject({ threadId: z.string().max(9).optional() })],
  ])('that %s cannot name another user by what it puts out', (_, schema) => {
    const liar = defineUserContext(
      'liar',
      schema.overwrite((value) => ({ ...value, userId: 'mallory', roles: ['admin'] })),
    )
    liar.runSync(alice, (scope) => {
      expect(liar.current()).toMatchObject({ userId: 'alice', roles: [] })
      expect(scope.owner.userId).toBe('alice')
    })
  })
})

test('a definition cannot be changed', () => {
  expect(Object.isFrozen(users)).toBe(true)
})

const tooMuch = 'data of more than 100000 values'

test('a context of more than 100,000 values is refused', async () => {
  const most = Array.from({ length: 99_000 }, () => 0)
  await expect(open.run({ ...alice, most }, () => 1)).resolves.toBe(1)
  const error = await contextError(() => open.run({ ...alice, more: [most, most] }, () => 1))
  expect(error.message).toContain(tooMuch)
})

test('a few objects that hold each other many times over are as much as all their copies', async () => {
  let data: object = { leaf: 1 }
  for (let level = 0; level < 30; level += 1) data = { left: data, right: data }
  const sparse: unknown[] = []
  sparse.length = 2 ** 31
  for (const value of [data, sparse]) {
    const error = await contextError(() => open.run({ ...alice, value }, () => 1))
    expect(error.message).toContain(tooMuch)
  }
})
