import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RateLimiter } from '../src/admission/rate-limiter.ts'

interface Ask {
  readonly owner: string
  readonly afterMs: number
}

const asks = fc.array(
  fc.record({
    owner: fc.constantFrom('a', 'b', 'c'),
    afterMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 1_500 })),
  }),
  { maxLength: 60 },
)

/** Asks one after the other; tells whose were admitted when. */
function play(quota: number, list: readonly Ask[]): { owner: string; at: number; ok: boolean }[] {
  let now = 0
  const limiter = new RateLimiter({ quota, windowMs: 1_000, owners: 100 }, () => now)
  return list.map(({ owner, afterMs }) => {
    now += afterMs
    return { owner, at: now, ok: limiter.take(owner).admitted }
  })
}

test('no owner gets more than the quota at once and what comes back meanwhile', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), asks, (quota, list) => {
      const played = play(quota, list)
      for (const owner of ['a', 'b', 'c']) {
        const admitted = played.filter((each) => each.owner === owner && each.ok)
        for (const [from, first] of admitted.entries()) {
          for (const [to, last] of admitted.entries()) {
            if (to < from) continue
            const earned = ((last.at - first.at) / 1_000) * quota
            expect(to - from + 1).toBeLessThanOrEqual(quota + earned + 1e-6)
          }
        }
      }
    }),
  )
})

test('nobody is refused who asks no more than that, whatever the others ask', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), asks, (quota, list) => {
      const played = play(quota, list)
      const alone = play(
        quota,
        // The same times, with nobody but "a" asking.
        played
          .filter(({ owner }) => owner === 'a')
          .map(({ at }, index, mine) => ({
            owner: 'a',
            afterMs: at - (mine[index - 1]?.at ?? 0),
          })),
      )
      expect(alone.map(({ ok }) => ok)).toEqual(
        played.filter(({ owner }) => owner === 'a').map(({ ok }) => ok),
      )
    }),
  )
})

test('what it says is true: so many at once, and the next one after that time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), asks, (quota, list) => {
      let now = 0
      const limiter = new RateLimiter({ quota, windowMs: 1_000, owners: 100 }, () => now)
      for (const { owner, afterMs } of list) {
        now += afterMs
        limiter.take(owner)
      }
      const { admitted, remaining, resetMs } = limiter.take('a')
      const promised = Array.from({ length: admitted ? remaining : 0 }, () => limiter.take('a'))
      expect(promised.every((each) => each.admitted)).toBe(true)
      const refused = limiter.take('a')
      expect(refused.admitted).toBe(false)
      now += refused.resetMs - 0.01
      expect(limiter.take('a').admitted).toBe(false)
      now += 0.02
      expect(limiter.take('a').admitted).toBe(true)
      expect(resetMs).toBeGreaterThan(0)
    }),
  )
})

test('an owner with the whole quota is forgotten, and there are never too many', () => {
  let now = 0
  const limiter = new RateLimiter({ quota: 10, windowMs: 1_000, owners: 50 }, () => now)
  for (let owner = 0; owner < 1_000; owner += 1) limiter.take(`owner-${owner}`)
  expect(limiter.size).toBe(50)
  now += 2_000
  for (let ask = 0; ask < 60; ask += 1) limiter.take('one')
  expect(limiter.size).toBe(1)
})
