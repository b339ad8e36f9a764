import { expect, test } from 'vitest'
import { bind } from '../src/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

test('a bound timeout and interval call in their own scope', async () => {
  const seen: string[] = []
  await users.run(alice, async () => {
    const fired = deferred()
    bind.timeout(() => seen.push(`timeout ${users.current().userId}`), 0)
    const stop = bind.interval(() => {
      seen.push(users.current().userId)
      if (seen.length >= 3) {
        stop()
        fired.resolve()
      }
    }, 1)
    await fired.promise
  })
  expect(seen.toSorted()).toEqual(['alice', 'alice', 'timeout alice'])
})

test('closing the scope clears them: nothing of a scope fires after it', async () => {
  let calls = 0
  await users.run(alice, async () => {
    bind.timeout(() => {
      calls += 1
    }, 1)
    bind.interval(() => {
      calls += 1
    }, 1)
  })
  // The platform's own timers of the same length, made later, fire: so would the scope's have.
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  await nextTurn()
  expect(calls).toBe(0)
})

test('a timeout that was cleared does not fire', async () => {
  let calls = 0
  await users.run(alice, async () => {
    bind.timeout(() => {
      calls += 1
    }, 0)()
    await nextTurn()
    await nextTurn()
  })
  expect(calls).toBe(0)
})
