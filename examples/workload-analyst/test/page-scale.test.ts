import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linear, niceTicks, roundTimes, spread, wholeTicks } from '../page/scale.ts'

test('ticks begin at 0, go up evenly and reach the largest value', () => {
  const largest = fc.double({ min: 1e-6, max: 1e9, noNaN: true })
  fc.assert(
    fc.property(largest, fc.integer({ min: 1, max: 8 }), (value, intervals) => {
      const ticks = niceTicks(value, intervals)
      expect(ticks).toHaveLength(intervals + 1)
      expect(ticks[0]).toBe(0)
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(value * (1 - 1e-6))
      const step = ticks[1] ?? 0
      ticks.forEach((tick, at) => expect(tick).toBeCloseTo(at * step, 6))
    }),
  )
})

test('ticks of counts are whole numbers', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e7 }), (value) => {
      const ticks = wholeTicks(value, 4)
      expect(ticks.every(Number.isInteger)).toBe(true)
      expect(new Set(ticks).size).toBe(ticks.length)
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(value)
      expect(ticks.length).toBeLessThanOrEqual(6)
    }),
  )
})

test.each([
  [0, 3, [0, 1 / 3, 2 / 3, 1]],
  [7, 3, [0, 2.5, 5, 7.5]],
  [0.12, 4, [0, 0.05, 0.1, 0.15, 0.2]],
])('%d in %d intervals has the ticks %j', (largest, intervals, expected) => {
  const ticks = niceTicks(largest, intervals)
  ticks.forEach((tick, at) => expect(tick).toBeCloseTo(expected[at] ?? Number.NaN, 9))
})

test('a scale maps 0 and the largest value onto its ends', () => {
  const y = linear(20, 200, 10)
  expect([y(0), y(10), y(20)]).toEqual([200, 105, 10])
})

test('labels are spread from the first to the last, each once', () => {
  expect(spread(0, 5)).toEqual([])
  expect(spread(1, 5)).toEqual([0])
  expect(spread(3, 5)).toEqual([0, 1, 2])
  expect(spread(120, 6)).toEqual([0, 24, 48, 71, 95, 119])
})

test.each([
  [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 3, [0, 5, 10]],
  [[54, 56, 58, 60, 62, 64], 2, undefined],
  [[55, 60, 65, 70], 4, [0, 1, 2, 3]],
])(
  'of intervals that begin at %j, with room for %d labels, round ones are %j',
  (minutes, most, shown) => {
    expect(roundTimes(minutes, most)).toEqual(shown)
  },
)
