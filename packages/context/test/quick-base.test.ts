import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineUserContext } from '../src/index.ts'
import { untyped } from './support/untyped.ts'

const plain = defineUserContext('plain', z.object({ plan: z.string().optional() }))
// A field of the application's with a built-in name: every context goes through the schema.
const careful = defineUserContext(
  'careful',
  z.object({ plan: z.string().optional(), runId: z.string().optional() }),
)

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', ' ', 'undefined', 'NULL', 'NaN', '[object Object]', 'Anonymous', 'a b', 'ä'),
  fc.constantFrom('x'.repeat(256), 'x'.repeat(257), '\ud800', '\u0000', '\u2028', '~', '!'),
)
const odd = fc.oneof(
  fc.constantFrom(undefined, null, 0, true, Number.NaN),
  fc.object({ maxDepth: 1 }),
)
const field = fc.oneof({ weight: 5, arbitrary: text }, { weight: 1, arbitrary: odd })
const roles = fc.oneof(fc.array(field, { maxLength: 4 }), odd, text)
const input = fc.record(
  {
    userId: field,
    tenantId: field,
    threadId: field,
    runId: field,
    requestId: field,
    roles,
    plan: field,
    more: field,
  },
  { requiredKeys: [] },
)

/** What came of it. A request id that was made up is never the same twice, so it is left out. */
const outcome = (definition: typeof plain, given: { requestId?: unknown }): unknown => {
  try {
    return definition.runSync(untyped(given), () => ({
      ...definition.current(),
      ...(given.requestId === undefined ? { requestId: 'made up' } : {}),
    }))
  } catch (error) {
    return { code: untyped<{ code?: string }>(error).code }
  }
}

test('the quick check and the schema have the same verdict, and make the same of what they accept', () => {
  let accepted = 0
  fc.assert(
    fc.property(input, (given) => {
      const quickly = outcome(plain, given)
      expect(quickly).toEqual(outcome(untyped(careful), given))
      if (!('code' in untyped<object>(quickly))) accepted += 1
    }),
    { numRuns: 3_000 },
  )
  expect(accepted).toBeGreaterThan(20)
})

test('what the quick check made is frozen and shares nothing with what was given', () => {
  const given = { userId: 'alice', roles: ['reader'], tenantId: 'acme' }
  plain.runSync(given, () => {
    given.roles.push('admin')
    given.userId = 'bob'
    expect(plain.current()).toMatchObject({ userId: 'alice', roles: ['reader'], tenantId: 'acme' })
    expect(Object.isFrozen(plain.current())).toBe(true)
    expect(Object.isFrozen(plain.current().roles)).toBe(true)
  })
})

test('each field is read once: what is checked is what comes in', () => {
  for (const definition of [plain, untyped<typeof plain>(careful)]) {
    let reads = 0
    const given = {
      get userId() {
        reads += 1
        return reads === 1 ? 'alice' : untyped<string>(5)
      },
    }
    const seen = definition.runSync(given, (scope) => [scope.owner, definition.current().userId])
    expect(seen).toEqual([{ userId: 'alice' }, 'alice'])
  }
})

test('a field named __proto__ sets nothing, and what is no plain object is refused', () => {
  const admins = defineUserContext('admins', z.object({ isAdmin: z.boolean().default(false) }))
  const given: unknown = JSON.parse('{"userId":"alice","__proto__":{"isAdmin":true}}')
  const refused = expect.objectContaining({ code: 'INVALID_CONTEXT' })
  expect(() => admins.runSync(untyped(given), () => admins.current())).toThrow(refused)
  class Person {
    userId = 'alice'
  }
  expect(() => admins.runSync(new Person(), () => 1)).toThrow(refused)
  expect(() => admins.runSync(untyped(['alice']), () => 1)).toThrow(refused)
  admins.runSync({ userId: 'alice', isAdmin: true }, () => {
    // What came out may go in again.
    expect(admins.runSync(untyped(admins.current()), () => admins.current())).toMatchObject({
      isAdmin: true,
    })
  })
})
