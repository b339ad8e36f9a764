import { expect, test } from 'vitest'
import { captureHeldScopes, inspect, type Scope } from '../../src/index.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { plain, plainUser, runAs, testWhere } from '../support/platform.ts'

/** Forces a collection, where the runtime lets a test do that. */
const collect: (() => unknown) | undefined =
  Reflect.get(globalThis, 'gc') ?? Reflect.get(globalThis, 'Bun')?.gc?.bind(undefined, true)

async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !done(); round += 1) {
    // What was looked at through a weak reference stays until the turn is over.
    await nextTurn()
    collect?.()
  }
}

test('semantics 18: a scope is counted until it has closed and cleaned up, collected or not', async () => {
  const before = inspect().openScopes
  let cleanups = 0
  const gate = deferred()
  const open = Array.from({ length: 50 }, () =>
    runAs('alice', async (scope) => {
      scope.defer(() => {
        cleanups += 1
      })
      await gate.promise
    }),
  )
  await nextTurn()
  collect?.()
  expect([inspect().openScopes - before, cleanups]).toEqual([50, 0])
  gate.resolve()
  await Promise.all(open)
  expect([inspect().openScopes - before, cleanups]).toEqual([0, 50])
})

testWhere(
  collect !== undefined,
  'semantics 18, the platform: a finalizer runs as nobody',
  async () => {
    const seen: string[] = []
    const registry = new FinalizationRegistry(() => seen.push(plainUser()))
    plain.run('alice', () => {
      for (let count = 0; count < 100; count += 1) registry.register({ count }, undefined)
    })
    await collectUntil(() => seen.length > 0)
    expect(new Set(seen)).toEqual(new Set(['nobody']))
  },
)

testWhere(
  collect !== undefined,
  'semantics 18: after a forced collection the closed scopes that are counted are those still held',
  async () => {
    captureHeldScopes(true)
    try {
      const kept: Scope[] = []
      for (let count = 0; count < 200; count += 1) {
        await runAs('alice', (scope) => {
          if (count % 20 === 0) kept.push(scope)
        })
      }
      const held = (): number => inspect().heldScopes ?? Number.NaN
      await collectUntil(() => held() === kept.length)
      // A collector that is not exact (Bun's) may take a few leftovers on the stack for references.
      expect(held()).toBeGreaterThanOrEqual(kept.length)
      expect(held()).toBeLessThan(kept.length + 20)
      expect(kept.length).toBe(10)
    } finally {
      captureHeldScopes(false)
    }
  },
)
