import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { alice, bob, users } from './support/users.ts'

test('listeners of a bound signal run at home, with the reason of the source', async () => {
  const controller = new AbortController()
  const seen: unknown[] = []
  await users.run(alice, async () => {
    const signal = bind.signal(controller.signal)
    signal.addEventListener('abort', () => seen.push(users.current().userId, signal.reason))
    runOutside(() => users.runSync(bob, () => controller.abort('enough')))
  })
  expect(seen).toEqual(['alice', 'enough'])
})

test('a signal that has aborted already is bound as aborted', () => {
  users.runSync(alice, () => {
    const signal = bind.signal(AbortSignal.abort('before'))
    expect([signal.aborted, signal.reason]).toEqual([true, 'before'])
  })
})

test('nothing is left on a long-lived signal when the scope has closed', async () => {
  const controller = new AbortController()
  const target = controller.signal
  let added = 0
  let removed = 0
  const counted = new Proxy(target, {
    get: (_target, property) => {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...parameters: unknown[]): unknown => {
        if (property === 'addEventListener') added += 1
        if (property === 'removeEventListener') removed += 1
        return Reflect.apply(value, target, parameters)
      }
    },
  })
  const signals = await Promise.all(
    Array.from({ length: 8 }, () => users.run(alice, async () => bind.signal(counted))),
  )
  expect([added, removed]).toEqual([8, 8])
  controller.abort()
  expect(signals.map((signal) => signal.aborted)).not.toContain(true)
})
