import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyPlain } from '../src/internal/copy-plain.ts'

const most = 10_000_000

test('a copy of plain data is what writing and reading it as JSON would make it, frozen', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const copy = copyPlain(value, most)
      // A field that would become a prototype is left to JSON.
      fc.pre(!JSON.stringify(value).includes('"__proto__"'))
      expect(copy).toEqual(JSON.parse(JSON.stringify(value)))
      expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
      expect(Object.isFrozen(copy)).toBe(true)
    }),
  )
})

test('what could take more than the limit is not said to fit', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 0, max: 200 }), (value, limit) => {
      const bytes = new TextEncoder().encode(JSON.stringify(value)).byteLength
      const fits = copyPlain(value, limit) !== undefined
      expect(fits && bytes > limit).toBe(false)
    }),
  )
})

const cycle: unknown[] = []
cycle.push(cycle)

test.each<[what: string, value: unknown]>([
  ['a function', { run: () => 1 }],
  ['a bigint', [1n]],
  ['not a number', { a: NaN }],
  ['an instance of a class', { at: new Date(0) }],
  ['a map', new Map()],
  ['a symbol', [Symbol('a')]],
  ['a hole', [1, , 2]], // oxlint-disable-line no-sparse-arrays
  ['a field that would become a prototype', JSON.parse('{"__proto__":{}}')],
  ['what says itself how it is written', { toJSON: () => 1 }],
  ['a list that does', Object.assign([1], { toJSON: () => 1 })],
  ['a cycle', cycle],
  [
    'a getter that throws',
    {
      get a(): never {
        throw new Error('no')
      },
    },
  ],
])('what is not plain beyond doubt is not copied: %s', (_, value) => {
  expect(copyPlain(value, most)).toBe(undefined)
})

test('what has no value is left out, and minus zero is zero, as in JSON', () => {
  const value = {
    a: undefined,
    b: -0,
    c: null,
    d: Object.assign(Object.create(null), { e: '\u2028' }),
  }
  expect(JSON.stringify(copyPlain(value, most))).toBe(JSON.stringify(value))
})
