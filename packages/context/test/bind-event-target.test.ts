import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { alice, bob, users } from './support/users.ts'

const dispatchAs = (target: EventTarget, user: typeof alice): void => {
  runOutside(() => users.runSync(user, () => target.dispatchEvent(new Event('tick'))))
}

test('a listener runs in the scope that added it, as a function and as an object', async () => {
  const target = new EventTarget()
  const seen: unknown[] = []
  await users.run(alice, async () => {
    const view = bind.eventTarget(target)
    view.addEventListener('tick', (event) => seen.push([users.current().userId, event.type]))
    view.addEventListener('tick', { handleEvent: () => seen.push(users.current().userId) })
    dispatchAs(target, bob)
  })
  expect(seen).toEqual([['alice', 'tick'], 'alice'])
})

test('the original listener removes its binding; capture and once mean what they mean', async () => {
  const target = new EventTarget()
  let calls = 0
  const listener = (): void => {
    calls += 1
  }
  await users.run(alice, async () => {
    const view = bind.eventTarget(target)
    view.addEventListener('tick', listener)
    view.addEventListener('tick', listener)
    dispatchAs(target, bob)
    expect(calls).toBe(1)
    view.removeEventListener('tick', listener, true)
    dispatchAs(target, bob)
    expect(calls).toBe(2)
    view.removeEventListener('tick', listener)
    dispatchAs(target, bob)
    expect(calls).toBe(2)
    view.addEventListener('tick', listener, { once: true })
    dispatchAs(target, bob)
    dispatchAs(target, bob)
    expect(calls).toBe(3)
    view.addEventListener('tick', listener, { once: true })
    dispatchAs(target, bob)
    expect(calls).toBe(4)
  })
})

test('listeners go when their scope closes', async () => {
  const target = new EventTarget()
  let calls = 0
  await users.run(alice, async () => {
    bind.eventTarget(target).addEventListener('tick', () => {
      calls += 1
    })
  })
  dispatchAs(target, bob)
  expect(calls).toBe(0)
})

test('an abort listener runs at home, whoever aborts', async () => {
  const controller = new AbortController()
  const seen: string[] = []
  await users.run(alice, async () => {
    const signal = bind.eventTarget(controller.signal)
    signal.addEventListener('abort', () => seen.push(users.current().userId))
    expect(signal.aborted).toBe(false)
    runOutside(() => users.runSync(bob, () => controller.abort()))
    expect(signal.aborted).toBe(true)
  })
  expect(seen).toEqual(['alice'])
})
