import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalOwner, sameOwner, type Owner } from '../src/index.ts'

// Short strings of few characters, digits and colons among them, collide where anything can.
const part = fc.oneof(
  fc.string({ unit: fc.constantFrom('0', '1', '2', ':', 'a', '🧑'), maxLength: 6 }),
  fc.string(),
)
const owner: fc.Arbitrary<Owner> = fc.record(
  { tenantId: part, userId: part },
  { requiredKeys: ['userId'] },
)
const isSame = (one: Owner, other: Owner): boolean =>
  one.userId === other.userId && (one.tenantId ?? '') === (other.tenantId ?? '')

// origins: UEC-14 UEC-5
test('two owners share a key exactly when they are the same one', () => {
  fc.assert(
    fc.property(owner, owner, (one, other) => {
      const same = isSame(one, other)
      expect(canonicalOwner(one) === canonicalOwner(other)).toBe(same)
      expect(sameOwner(one, other)).toBe(same)
    }),
    { numRuns: 2_000 },
  )
})

// origins: UEC-5
test('no owner’s key begins another owner’s key, so that a key may follow it', () => {
  fc.assert(
    fc.property(owner, owner, part, (one, other, rest) => {
      fc.pre(!isSame(one, other))
      expect(canonicalOwner(one).startsWith(canonicalOwner(other))).toBe(false)
      expect(canonicalOwner(one) + rest === canonicalOwner(other) + rest).toBe(false)
    }),
    { numRuns: 2_000 },
  )
})

test.each<[Owner, Owner]>([
  [{ tenantId: 'a', userId: 'b' }, { userId: 'ab' }],
  [
    { tenantId: '1:', userId: 'a' },
    { tenantId: '1', userId: ':a' },
  ],
  [
    { tenantId: 'ab', userId: 'c' },
    { tenantId: 'a', userId: 'bc' },
  ],
  [{ userId: 'alice' }, { userId: 'Alice' }],
  [{ userId: 'é' }, { userId: 'e\u0301' }],
])('%j and %j are two owners', (one, other) => {
  expect(canonicalOwner(one)).not.toBe(canonicalOwner(other))
  expect(sameOwner(one, other)).toBe(false)
})

test('an absent tenant and an empty one are one owner', () => {
  expect(canonicalOwner({ userId: 'alice' })).toBe('0:5:alice')
  expect(canonicalOwner({ tenantId: '', userId: 'alice' })).toBe('0:5:alice')
  expect(sameOwner({ userId: 'alice' }, { tenantId: '', userId: 'alice' })).toBe(true)
})
