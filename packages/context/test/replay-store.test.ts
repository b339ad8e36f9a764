import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryReplayStore, type ReplayStore } from '../src/envelope/index.ts'

function storeAt(capacity?: number): { store: ReplayStore; set: (now: number) => void } {
  let now = 0
  const clock = (): number => now
  const store = createMemoryReplayStore(capacity === undefined ? { clock } : { clock, capacity })
  return { store, set: (next) => (now = next) }
}

test('an id is used once until it expires, and not before', () => {
  const { store, set } = storeAt()
  expect(store.consume('a', 10)).toBe(true)
  set(9)
  expect(store.consume('a', 10)).toBe(false)
  set(10)
  expect(store.consume('a', 20)).toBe(true)
})

test('a full store refuses what is new, and never forgets what could still be replayed', () => {
  const { store, set } = storeAt(2)
  expect([store.consume('a', 10), store.consume('b', 20)]).toEqual([true, true])
  expect(() => store.consume('c', 30)).toThrow('full')
  expect([store.consume('a', 10), store.consume('b', 20)]).toEqual([false, false])
  set(10)
  expect(store.consume('c', 30)).toBe(true)
  expect(() => store.consume('d', 30)).toThrow('full')
  expect(store.consume('b', 20)).toBe(false)
})

test('whatever comes in whatever order, no id is accepted twice in its time, and the size is bounded', () => {
  const use = fc.record({
    id: fc.nat(20),
    lifetime: fc.integer({ min: 1, max: 50 }),
    wait: fc.nat(10),
  })
  fc.assert(
    fc.property(fc.array(use, { minLength: 1, maxLength: 200 }), fc.nat(7), (uses, spare) => {
      const capacity = spare + 1
      const { store, set } = storeAt(capacity)
      const live = new Map<number, number>()
      let now = 0
      for (const { id, lifetime, wait } of uses) {
        set((now += wait))
        for (const [each, expiresAt] of live) if (expiresAt <= now) live.delete(each)
        const room = live.size < capacity
        let answer: unknown
        try {
          answer = store.consume(String(id), now + lifetime)
        } catch {
          answer = 'full'
        }
        const acceptable = room ? true : 'full'
        expect(answer).toBe(live.has(id) ? false : acceptable)
        if (answer === true) live.set(id, now + lifetime)
      }
    }),
  )
})

test.each([0, -1, 1.5, Number.NaN, Infinity])('a capacity of %s is refused', (capacity) => {
  expect(() => createMemoryReplayStore({ capacity })).toThrow(TypeError)
})
