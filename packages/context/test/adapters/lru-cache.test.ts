import { LRUCache } from 'lru-cache'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bindLRUCache } from '../../src/adapters/index.ts'
import { assertOwner, currentScope, inspect } from '../../src/index.ts'
import { caught, contextError, thrownBy } from '../support/caught.ts'
import { aborted, deferred, nextTurn } from '../support/deferred.ts'
import { alice, bob, users } from '../support/users.ts'

const current = (): string => users.tryCurrent()?.userId ?? 'nobody'
const acme = { ...alice, tenantId: 'acme' }

/** Both fetch the same key in the same turn; Alice’s scope ends last. */
async function fetchBoth(
  fetch: (key: string) => Promise<string | undefined>,
): Promise<(string | undefined)[]> {
  const bobDone = deferred()
  const first = users.run(alice, async () => {
    const mine = await fetch('k')
    await bobDone.promise
    return mine
  })
  const second = await users.run(bob, () => fetch('k'))
  bobDone.resolve()
  return [await first, second]
}

const slowly = async (key: string): Promise<string> => {
  await nextTurn()
  return `${key} for ${current()}`
}

test('without the adapter, Bob gets what was fetched as Alice, now and later', async () => {
  let fetches = 0
  const cache = new LRUCache<string, string>({
    max: 10,
    fetchMethod: (key) => {
      fetches += 1
      return slowly(key)
    },
  })
  await expect(fetchBoth((key) => cache.fetch(key))).resolves.toEqual([
    'k for alice',
    'k for alice',
  ])
  await users.run(bob, () => expect(cache.fetch('k')).resolves.toBe('k for alice'))
  expect(fetches).toBe(1)
})

test('with it, each owner has their own, fetched as them', async () => {
  const fetched: string[] = []
  const cache = bindLRUCache<string>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    (key) => {
      fetched.push(`${key} as ${current()}`)
      return slowly(key)
    },
  )
  await expect(fetchBoth((key) => cache.fetch(key))).resolves.toEqual(['k for alice', 'k for bob'])
  await users.run(alice, () => expect(cache.fetch('k')).resolves.toBe('k for alice'))
  await users.run(acme, () => cache.fetch('k'))
  expect(fetched).toEqual(['k as alice', 'k as bob', 'k as alice'])
})

test('however many users interleave, each gets what was fetched for them', async () => {
  const ask = fc.record({ key: fc.constantFrom('a', 'b', 'c'), drop: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(ask, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 }),
      async (all) => {
        const cache = bindLRUCache<string>(
          (fetchMethod) => new LRUCache({ max: 4, fetchMethod, ignoreFetchAbort: true }),
          slowly,
        )
        const others = deferred()
        let answers = 0
        const request = (asks: (typeof all)[number], index: number): Promise<void> =>
          users.run({ userId: `user-${index % 3}` }, async () => {
            for (const { key, drop } of asks) {
              if (drop) cache.delete(key)
              const answer = await cache.fetch(key).catch((error: unknown) => error)
              // Pushed out while it was fetched: lru-cache says so.
              const dropped = answer instanceof Error && /evicted|deleted/.test(answer.message)
              answers += dropped ? 0 : 1
              expect(dropped || answer === `${key} for user-${index % 3}`).toBe(true)
            }
            if (index === 0) await others.promise
          })
        const [first, ...rest] = all.map(request)
        await Promise.all(rest)
        others.resolve()
        await first
        expect(answers).toBeGreaterThan(0)
      },
    ),
    { numRuns: 30 },
  )
})

test('two scopes of one owner share a fetch, which does not end with the one that asked first', async () => {
  const { orphans } = inspect()
  const gate = deferred<string>()
  let fetches = 0
  const cache = bindLRUCache<string>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    (_key, _stale, { signal }) => {
      fetches += 1
      expect(signal).toBe(currentScope().signal)
      return gate.promise
    },
  )
  const left = new Error('left')
  const first = caught(() =>
    users.run(alice, async (scope) => {
      const value = cache.fetch('k')
      scope.abort(left)
      await value
    }),
  )
  const second = users.run(alice, () => cache.fetch('k'))
  await expect(first).resolves.toBe(left)
  gate.resolve('made')
  await expect(second).resolves.toBe('made')
  expect(fetches).toBe(1)
  await nextTurn()
  expect(inspect()).toMatchObject({ openScopes: 0, orphans })
})

test('a fetch has a deadline, and ends when its entry is dropped', async () => {
  const reasons: unknown[] = []
  const cache = bindLRUCache<string>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    async (_key, _stale, { signal }) => {
      await aborted(signal)
      reasons.push(signal.reason)
      throw signal.reason
    },
    { deadlineMs: 20, label: 'profile' },
  )
  const late = await contextError(() => users.run(alice, () => cache.fetch('late')))
  expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(late.message).toContain('"profile"')
  await users.run(alice, async () => {
    const dropped = caught(() => cache.fetch('dropped'))
    cache.delete('dropped')
    await expect(dropped).resolves.toBeInstanceOf(Error)
  })
  expect(reasons).toHaveLength(2)
})

test('a failure reaches who fetched, and is not kept; one that nobody awaited fails the scope', async () => {
  let fetches = 0
  const cache = bindLRUCache<number>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    () => {
      fetches += 1
      if (fetches !== 2) throw new RangeError('mine')
      return fetches
    },
  )
  await users.run(alice, async () => {
    await expect(cache.fetch('k')).rejects.toThrow('mine')
    await expect(cache.fetch('k')).resolves.toBe(2)
  })
  await expect(users.run(alice, () => void cache.fetch('other'))).rejects.toThrow('mine')
})

test('get, set, has, delete and clear see the owner’s own entries only', async () => {
  const cache = bindLRUCache<object>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    () => undefined,
  )
  const value = {}
  users.runSync(alice, () => {
    cache.set('k', value)
    cache.set('l', {})
    expect(cache.get('k')).toBe(value)
    expect(assertOwner(value)).toBe(value)
  })
  for (const other of [bob, acme, { userId: 'alicek' }]) {
    users.runSync(other, () => {
      expect([cache.get('k'), cache.has('k'), cache.delete('k')]).toEqual([undefined, false, false])
      cache.set('k', {})
      expect(thrownBy(() => cache.set('mine', value))).toMatchObject({ code: 'CROSS_OWNER' })
      cache.clear()
      expect(cache.has('k')).toBe(false)
    })
  }
  users.runSync(alice, () => {
    expect([cache.has('k'), cache.delete('k'), cache.has('k')]).toEqual([true, true, false])
    cache.clear()
    expect(cache.has('l')).toBe(false)
  })
})

test('a fetch method that hands one object to two owners is caught', async () => {
  const shared = {}
  const cache = bindLRUCache<object>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    () => shared,
  )
  await users.run(alice, () => expect(cache.fetch('k')).resolves.toBe(shared))
  const refused = await contextError(() => users.run(bob, () => cache.fetch('k')))
  expect(refused.code).toBe('CROSS_OWNER')
})

test('a stale value is handed out while a new one is fetched, in a scope of its own', async () => {
  const seen: unknown[] = []
  const cache = bindLRUCache<string>(
    (fetchMethod) =>
      new LRUCache({ max: 10, ttl: 1, ttlResolution: 0, allowStale: true, fetchMethod }),
    async (key, stale) => {
      await nextTurn()
      seen.push(stale)
      return `${key} ${seen.length} for ${current()}`
    },
  )
  const fetch = (): Promise<string | undefined> => users.run(alice, () => cache.fetch('k'))
  await expect(fetch()).resolves.toBe('k 1 for alice')
  await new Promise((resolve) => setTimeout(resolve, 5))
  await expect(fetch()).resolves.toBe('k 1 for alice')
  while (seen.length < 2) await nextTurn()
  expect(seen).toEqual([undefined, 'k 1 for alice'])
})

test('outside a scope there is nothing in the cache', () => {
  const cache = bindLRUCache<string>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    slowly,
  )
  for (const use of [
    () => cache.fetch('k'),
    () => cache.get('k'),
    () => cache.set('k', 'v'),
    () => cache.has('k'),
    () => cache.delete('k'),
    () => cache.clear(),
  ]) {
    expect(thrownBy(use)).toMatchObject({ code: 'NO_SCOPE' })
  }
})

test('what has to make room is let go of in no scope, and not as whoever wanted the room', async () => {
  const disposed: string[] = []
  const cache = bindLRUCache<string>(
    (fetchMethod) =>
      new LRUCache({
        max: 1,
        fetchMethod,
        dispose: (value) => void disposed.push(`${value}, as ${current()}`),
      }),
    slowly,
  )
  await users.run(alice, () => cache.fetch('k'))
  await users.run(bob, () => cache.fetch('k'))
  await users.run(alice, () => cache.set('k', 'set for alice'))
  await users.run(alice, () => cache.delete('k'))
  expect(disposed).toEqual([
    'k for alice, as nobody',
    'k for bob, as nobody',
    'set for alice, as nobody',
  ])
})
