import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { runtime } from '../src/internal/runtime.ts'
import { bind, runOutside, type Scope } from '../src/index.ts'
import { contextError, thrownBy } from './support/caught.ts'
import { nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

/** How much the scope keeps for its end. */
function kept(): number {
  return runtime().storage.getStore()?.cell?.state?.parts?.cleanups?.size ?? 0
}

test('100,000 timers that fired or were cleared leave nothing in a scope that lives on', async () => {
  let fired = 0
  await users.run(alice, async () => {
    for (let batch = 0; batch < 50; batch += 1) {
      for (let index = 0; index < 1_000; index += 1) {
        bind.timeout(() => {
          fired += 1
        }, 0)
        bind.timeout(() => expect.unreachable('cleared'), 60_000)()
      }
      expect(kept()).toBe(1_000)
      // The platform fires timers of one length in the order in which they were made.
      await new Promise((resolve) => setTimeout(resolve, 1))
      await nextTurn()
      expect(kept()).toBe(0)
    }
    const stop = bind.interval(() => undefined, 60_000)
    expect(kept()).toBe(1)
    stop()
    stop()
    expect(kept()).toBe(0)
  })
  expect(fired).toBe(50_000)
})

test('signals that have aborted leave nothing', async () => {
  await users.run(alice, () => {
    for (let index = 0; index < 1_000; index += 1) {
      const controller = new AbortController()
      bind.signal(controller.signal)
      controller.abort()
    }
    expect(kept()).toBe(0)
    bind.signal(new AbortController().signal)
    expect(kept()).toBe(1)
  })
})

test('listeners that were removed or ran once leave nothing, neither here nor on the emitter', async () => {
  const emitter = new EventEmitter()
  const target = new EventTarget()
  await users.run(alice, () => {
    const view = bind.emitter(emitter)
    const boundTarget = bind.eventTarget(target)
    expect(kept()).toBe(0)
    for (let index = 0; index < 1_000; index += 1) {
      const listener = (): void => undefined
      view.on('tick', listener)
      view.off('tick', listener)
      view.once('tick', listener)
      emitter.emit('tick')
      boundTarget.addEventListener('tick', listener)
      boundTarget.removeEventListener('tick', listener)
      boundTarget.addEventListener('tick', listener, { once: true })
      target.dispatchEvent(new Event('tick'))
      view.on('tick', listener)
      view.removeAllListeners('tick')
    }
    expect([kept(), emitter.listenerCount('tick')]).toEqual([0, 0])
  })
})

test('a listener goes in its turn: after what was deferred later, before what was deferred sooner', async () => {
  const emitter = new EventEmitter()
  const counts: number[] = []
  await users.run(alice, (scope) => {
    const view = bind.emitter(emitter)
    scope.defer(() => counts.push(emitter.listenerCount('tick')))
    view.on('tick', () => undefined)
    scope.defer(() => counts.push(emitter.listenerCount('tick')))
  })
  expect(counts).toEqual([1, 0])
})

test('a listener belongs to the scope that bound the emitter, whoever adds it', async () => {
  const emitter = new EventEmitter()
  const seen: unknown[] = []
  await users.run(alice, async () => {
    const view = bind.emitter(emitter)
    await users.child({ threadId: 'thread-1' }, () => {
      view.on('tick', () => seen.push(users.current().threadId))
    })
    emitter.emit('tick')
    await runOutside(() =>
      users.run(bob, async () => {
        expect(await contextError(() => view.on('tick', () => 1))).toMatchObject({
          code: 'CROSS_OWNER',
        })
      }),
    )
    expect(emitter.listenerCount('tick')).toBe(1)
  })
  expect(seen).toEqual([undefined])
})

test('the signal of addEventListener removes the listener, which can then be added again', async () => {
  const target = new EventTarget()
  let calls = 0
  const listener = (): void => {
    calls += 1
  }
  await users.run(alice, () => {
    const view = bind.eventTarget(target)
    const controller = new AbortController()
    view.addEventListener('tick', listener, { signal: controller.signal })
    controller.abort()
    target.dispatchEvent(new Event('tick'))
    view.addEventListener('tick', listener, { signal: controller.signal })
    expect([calls, kept()]).toEqual([0, 0])
    view.addEventListener('tick', listener)
    target.dispatchEvent(new Event('tick'))
  })
  expect(calls).toBe(1)
})

test('while a scope closes nothing is bound any more, and nothing is left of the attempt', async () => {
  const emitter = new EventEmitter()
  const { signal } = new AbortController()
  const refused: unknown[] = []
  await users.run(alice, (scope: Scope) => {
    const view = bind.emitter(emitter)
    scope.defer(() => {
      for (const attempt of [
        () => bind.timeout(() => expect.unreachable('it was refused'), 0),
        () => bind.interval(() => expect.unreachable('it was refused'), 0),
        () => bind.signal(signal),
        () => view.on('tick', () => undefined),
        () => bind.response(new Response('late')),
      ]) {
        refused.push(thrownBy(attempt))
      }
    })
  })
  const closing = expect.objectContaining({ code: 'SCOPE_CLOSING' })
  expect(refused).toEqual(Array.from({ length: 5 }, () => closing))
  expect(emitter.listenerCount('tick')).toBe(0)
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
})

test('a cleanup can take back a timer that was bound before it', async () => {
  await users.run(alice, (scope) => {
    const clear = bind.timeout(() => expect.unreachable('cleared'), 60_000)
    scope.defer(() => {
      clear()
      expect(kept()).toBe(0)
    })
  })
})

test('the same cleanup deferred twice runs twice', async () => {
  let calls = 0
  const cleanup = (): void => {
    calls += 1
  }
  await users.run(alice, (scope) => {
    scope.defer(cleanup)
    scope.defer(cleanup)
  })
  users.runSync(alice, (scope) => {
    scope.defer(cleanup)
    scope.defer(cleanup)
  })
  expect(calls).toBe(4)
})

test('a timeout longer than the platform’s timers can hold does not fire at once', async () => {
  await users.run(alice, async () => {
    const clear = bind.timeout(() => expect.unreachable('too soon'), 2 ** 40)
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
    clear()
  })
})
