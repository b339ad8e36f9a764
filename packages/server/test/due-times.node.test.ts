import { defineUserContext, tryCurrentScope } from '@ringfence/context'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { DueTimes, OwnTimers } from '../src/handler/due-times.ts'

const users = defineUserContext('user', z.object({}))

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Notes when it was looked at, and whose scope that was in. */
function noting(): { readonly seen: number[]; readonly scopes: unknown[]; due(): void } {
  const seen: number[] = []
  const scopes: unknown[] = []
  return {
    seen,
    scopes,
    due() {
      seen.push(Date.now() - 1_000_000)
      scopes.push(tryCurrentScope())
    },
  }
}

test('each is looked at when its time has come, by one timer, in nobody’s scope', async () => {
  const times = new DueTimes()
  const dues = [700, 10, 300, 10, 5_000].map((ms) => ({ ms, ...noting() }))
  await users.run({ userId: 'alice' }, () => {
    for (const due of dues) {
      times.add(Date.now() + due.ms, due)
      expect(vi.getTimerCount()).toBe(1)
    }
  })
  vi.advanceTimersByTime(10_000)
  for (const { ms, seen, scopes } of dues) {
    expect(seen).toHaveLength(1)
    expect(seen[0]).toBeGreaterThanOrEqual(ms)
    expect(seen[0]).toBeLessThanOrEqual(ms + 25)
    expect(scopes).toEqual([undefined])
  }
  expect([times.size, vi.getTimerCount()]).toEqual([0, 0])
})

test('what was taken back is not looked at, and what comes again is', () => {
  const times = new DueTimes()
  const gone = noting()
  times.delete(times.add(Date.now() + 100, gone), gone)
  expect([times.size, vi.getTimerCount()]).toEqual([0, 0])
  const seen: number[] = []
  const again = {
    due() {
      seen.push(Date.now() - 1_000_000)
      if (seen.length < 3) times.add(Date.now() + 100, again)
    },
  }
  times.add(Date.now() + 100, again)
  vi.advanceTimersByTime(1_000)
  expect([gone.seen, seen]).toEqual([[], [100, 200, 300]])
})

test('a time further off than a timer can hold is waited for all the same', () => {
  const times = new DueTimes()
  const far = noting()
  times.add(Date.now() + 3_000_000_000, far)
  vi.advanceTimersByTime(2_999_999_000)
  expect(far.seen).toEqual([])
  vi.advanceTimersByTime(1_025)
  expect(far.seen).toHaveLength(1)
})

test('whoever asked for it first, it is looked at in no scope', async () => {
  vi.useRealTimers()
  const times = new DueTimes()
  const seen = new Promise((resolve) => {
    void users.run({ userId: 'alice' }, () => {
      times.add(Date.now(), { due: () => resolve(tryCurrentScope()) })
      return new Promise<void>((closed) => setTimeout(closed, 60))
    })
  })
  expect(await seen).toBeUndefined()
})

test('on workerd each has a timer of its own, which is looked at in nobody’s scope either', async () => {
  const times = new OwnTimers()
  const dues = [700, 10, 300].map((ms) => ({ ms, ...noting() }))
  const gone = noting()
  await users.run({ userId: 'alice' }, () => {
    for (const due of dues) times.add(Date.now() + due.ms, due)
    times.delete(times.add(Date.now() + 100, gone), gone)
    expect(vi.getTimerCount()).toBe(3)
  })
  vi.advanceTimersByTime(10_000)
  expect(dues.map(({ seen, scopes }) => [seen, scopes])).toEqual(
    dues.map(({ ms }) => [[ms], [undefined]]),
  )
  expect([gone.seen, vi.getTimerCount()]).toEqual([[], 0])
})
