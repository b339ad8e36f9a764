import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { WrittenTimes } from '../src/internal/written-times.ts'

test('a time is written as a Date writes it, whichever was written before', () => {
  const longest = 8.64e15
  const near = fc.integer({ min: 1_700_000_000_000, max: 1_700_000_003_000 })
  const any = fc.oneof(
    near,
    fc.integer({ min: -longest, max: longest }),
    fc.double({ min: 0, max: 1e13, noNaN: true }),
  )
  fc.assert(
    fc.property(fc.array(any), (moments) => {
      const times = new WrittenTimes()
      for (const ms of moments) expect(times.of(ms)).toBe(new Date(ms).toISOString())
    }),
  )
})

test('what is no time is written nowhere', () => {
  const times = new WrittenTimes()
  times.of(0)
  expect(() => times.of(Number.NaN)).toThrow(RangeError)
  expect(() => times.of(8.64e15 + 1_000)).toThrow(RangeError)
})
