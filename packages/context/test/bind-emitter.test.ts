import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { bind, runOutside } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

const emitAs = (emitter: EventEmitter, user: typeof alice, event: string): void => {
  runOutside(() => users.runSync(user, () => emitter.emit(event)))
}

test('an unbound listener runs as whoever emits: the swap that binding cures', async () => {
  const emitter = new EventEmitter()
  const seen: string[] = []
  await users.run(alice, async () => {
    emitter.on('tick', () => seen.push(users.current().userId))
    emitAs(emitter, bob, 'tick')
  })
  expect(seen).toEqual(['bob'])
})

test.for(['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)(
  'a listener added by %s runs in the scope that added it',
  async (method) => {
    const emitter = new EventEmitter()
    const seen: string[] = []
    await users.run(alice, async () => {
      bind.emitter(emitter)[method]('tick', () => seen.push(users.current().userId))
      emitAs(emitter, bob, 'tick')
      runOutside(() => emitter.emit('tick'))
    })
    expect(seen).toEqual(method.toLowerCase().includes('once') ? ['alice'] : ['alice', 'alice'])
  },
)

test('the original listener removes its binding, through the view and on the emitter itself', async () => {
  const emitter = new EventEmitter()
  await users.run(alice, async () => {
    const view = bind.emitter(emitter)
    const listener = (): void => undefined
    view.on('tick', listener)
    view.off('tick', listener)
    expect(emitter.listenerCount('tick')).toBe(0)
    view.once('tick', listener)
    emitter.removeListener('tick', listener)
    expect(emitter.listenerCount('tick')).toBe(0)
    view.on('tick', listener).on('tick', listener)
    view.removeListener('tick', listener)
    expect(emitter.listenerCount('tick')).toBe(1)
  })
})

test('listeners go when their scope closes, and nobody else loses any', async () => {
  const emitter = new EventEmitter()
  const others = (): void => undefined
  emitter.on('tick', others)
  await users.run(alice, async () => {
    const view = bind.emitter(emitter)
    view.on('tick', () => undefined)
    view.once('tock', () => undefined)
    view.removeAllListeners('tick')
    expect(emitter.listeners('tick')).toEqual([others])
    view.on('tick', () => undefined)
    expect(emitter.listenerCount('tick')).toBe(2)
  })
  expect(emitter.listeners('tick')).toEqual([others])
  expect(emitter.listenerCount('tock')).toBe(0)
})

test('this, arguments and the rest of the emitter are the real ones', async () => {
  class Meter extends EventEmitter {
    #count = 0
    count(): number {
      this.#count += 1
      return this.#count
    }
  }
  const meter = new Meter()
  await users.run(alice, async () => {
    const view = bind.emitter(meter)
    let self: unknown
    view.on('tick', function tick(this: unknown, one: number, two: number) {
      self = [this, one, two]
    })
    expect(view.emit('tick', 1, 2)).toBe(true)
    expect(self).toEqual([meter, 1, 2])
    expect(view.count()).toBe(1)
    expect(meter.count()).toBe(2)
  })
})

test('binding an emitter outside a scope, and a listener that is no function, are refused', async () => {
  expect(await contextError(() => bind.emitter(new EventEmitter()))).toMatchObject({
    code: 'NO_SCOPE',
  })
  await users.run(alice, async () => {
    const view: { on(event: string, listener: unknown): unknown } = bind.emitter(new EventEmitter())
    expect(await caught(() => view.on('tick', 'no function'))).toBeInstanceOf(TypeError)
  })
})

test('a listener that is added further down a chain comes home too', async () => {
  const emitter = new EventEmitter()
  const heard: (string | undefined)[] = []
  const done = deferred()
  const run = users.run(alice, async () => {
    const bound = bind.emitter(emitter)
    expect(bound.setMaxListeners(5)).toBe(bound)
    bound.setMaxListeners(5).on('tick', () => heard.push(users.tryCurrent()?.userId))
    await done.promise
  })
  await users.run(bob, () => emitter.emit('tick'))
  done.resolve()
  await run
  expect([heard, emitter.listenerCount('tick')]).toEqual([['alice'], 0])
})
