import { expect, test } from 'vitest'
import { bind, inspect, runOutside } from '../../src/index.ts'
import { caught } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { users } from '../support/users.ts'

/** Starts with its first user, as a cache's refresh or a batcher does, and hands each tick to whoever waits. */
function lazyTicker(who: () => unknown): { next(): Promise<unknown>; stop(): void } {
  let timer: ReturnType<typeof setInterval> | undefined
  const waiting: ((who: unknown) => void)[] = []
  return {
    next: () => {
      timer ??= setInterval(() => waiting.splice(0).forEach((wake) => wake(who())), 1)
      return new Promise((resolve) => waiting.push(resolve))
    },
    stop: () => clearInterval(timer),
  }
}

test('semantics 12, the platform: an interval keeps running as the user who happened to start it', async () => {
  const ticker = lazyTicker(plainUser)
  expect(await plain.run('alice', () => ticker.next())).toBe('alice')
  expect(await plain.run('bob', () => ticker.next())).toBe('alice')
  ticker.stop()
})

test('semantics 12: a singleton that is made outside sees no user, whoever made and whoever uses it', async () => {
  const ticker = lazyTicker(whoAmI)
  let shared: typeof ticker | undefined
  const next = (): Promise<unknown> => (shared ??= runOutside(() => ticker)).next()
  const started = runOutside(() => ticker.next())
  expect(await runAs('alice', next)).toBe('nobody')
  expect(await runAs('bob', next)).toBe('nobody')
  expect(await started).toBe('nobody')
  ticker.stop()
})

test('semantics 12: the interval of a singleton that Alice made inside fails when she has gone; Bob never runs as her', async () => {
  const ticker = lazyTicker(() => caught(() => users.current()))
  await runAs('alice', () => void ticker.next())
  expect(await runAs('bob', () => ticker.next())).toMatchObject({ code: 'SCOPE_CLOSED' })
  ticker.stop()
})

test('semantics 12: bound timers run as who bound them, and end with their scope', async () => {
  const seen: string[] = []
  await runAs('alice', async () => {
    const fired = deferred()
    bind.interval(() => {
      seen.push(whoAmI())
      if (seen.length === 2) fired.resolve()
    }, 1)
    await fired.promise
    bind.timeout(() => seen.push('after the end'), 1)
  })
  const { length } = seen
  const { violations } = inspect()
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  await nextTurn()
  expect([...new Set(seen), seen.length]).toEqual(['alice', length])
  // Nor did any fire and find itself refused.
  expect(inspect().violations).toEqual(violations)
})
