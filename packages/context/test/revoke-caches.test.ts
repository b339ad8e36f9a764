import { LRUCache } from 'lru-cache'
import { expect, test } from 'vitest'
import { bindLRUCache } from '../src/adapters/index.ts'
import { perOwner, revoke, type Scope } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

const plenty = { max: 100, ttlMs: Infinity }

interface Profile {
  readonly of: string
}

test('a revoked owner has nothing left in a cache, and everybody else has', async () => {
  let made = 0
  const disposed: string[] = []
  const profiles = perOwner<Profile>(
    (key, scope) => {
      made += 1
      return { of: `${scope.owner.userId} ${key}` }
    },
    {
      ...plenty,
      dispose: ({ of }) => disposed.push(`${of}, in ${users.tryCurrent()?.userId ?? 'no scope'}`),
    },
  )
  const loadAll = async (): Promise<void> => {
    for (const context of [alice, bob]) {
      await users.run(context, async () => {
        await profiles.get('one')
        await profiles.get('two')
      })
    }
  }
  await loadAll()
  expect([made, profiles.size]).toEqual([4, 4])
  revoke({ userId: 'alice' })
  expect(profiles.size).toBe(2)
  expect(disposed.toSorted()).toEqual(['alice one, in no scope', 'alice two, in no scope'])
  await loadAll()
  expect(made).toBe(6)
  expect(disposed).toHaveLength(2)
})

test('what is in the making for a revoked owner is aborted, and nobody gets it', async () => {
  const making = deferred<Scope>()
  const value = deferred<Profile>()
  const disposed: Profile[] = []
  let made = 0
  const profiles = perOwner<Profile>(
    (_key, scope) => {
      made += 1
      making.resolve(scope)
      return made === 1 ? value.promise : { of: 'a fresh one' }
    },
    { ...plenty, dispose: (profile) => disposed.push(profile) },
  )
  const waiting = users.run(alice, () => caught(() => profiles.get()))
  const { signal } = await users.run(alice, async () => ({ signal: (await making.promise).signal }))
  expect(signal.aborted).toBe(false)
  revoke({ userId: 'alice' })
  expect(signal.aborted).toBe(true)
  expect(profiles.size).toBe(0)
  // The one that asks after the revocation does not wait for what was made before it.
  expect(await users.run(alice, () => profiles.get())).toEqual({ of: 'a fresh one' })
  const late = { of: 'a late one' }
  value.resolve(late)
  expect(await waiting).toMatchObject({ code: 'REVOKED' })
  await nextTurn()
  expect(disposed).toEqual([late])
  expect(profiles.size).toBe(1)
})

test('dispose is called once for a value, whatever makes it go, and its failure is told', async () => {
  const disposed: string[] = []
  const failures: unknown[] = []
  let now = 0
  const values = perOwner((key) => ({ key }), {
    max: 10,
    maxPerOwner: 2,
    ttlMs: 10,
    now: () => now,
    dispose: ({ key }) => {
      disposed.push(key)
      if (key === 'deleted') throw new Error('cannot')
    },
    onDisposeError: (error) => failures.push(error),
  })
  await users.run(alice, async () => {
    await values.get('pushed out')
    await values.get('deleted')
    await values.get('expired')
    values.delete('deleted')
    values.delete('deleted')
    now = 11
    await values.get('expired')
    await values.get('cleared')
    values.clear()
    values.clear()
  })
  revoke({ userId: 'alice' })
  expect(disposed).toEqual(['pushed out', 'deleted', 'expired', 'expired', 'cleared'])
  expect(failures).toEqual([new Error('cannot')])
})

test('an lru-cache forgets a revoked owner, also what is being fetched', async () => {
  const gate = deferred()
  const started = deferred<AbortSignal>()
  const cache = bindLRUCache<Profile>(
    (fetchMethod) => new LRUCache({ max: 10, fetchMethod }),
    async (key, _stale, { signal }) => {
      if (key !== 'slow') return { of: users.current().userId }
      started.resolve(signal)
      await gate.promise
      return { of: 'too late' }
    },
  )
  await users.run(bob, () => cache.fetch('kept'))
  await users.run(alice, () => cache.fetch('one'))
  const slow = users.run(alice, () => caught(() => cache.fetch('slow')))
  const signal = await started.promise
  revoke({ userId: 'alice' })
  await aborted(signal)
  gate.resolve()
  await slow
  await users.run(alice, () => {
    expect([cache.has('one'), cache.has('slow')]).toEqual([false, false])
  })
  await users.run(bob, () => expect(cache.has('kept')).toBe(true))
})

test.each(['it was open', 'it was aborted before'])(
  'nothing is detached from a scope that was revoked: %s',
  async (what) => {
    const told = deferred()
    let ran = false
    const attempt = users.run(alice, async (scope) => {
      if (what === 'it was aborted before') scope.abort(new Error('stop'))
      await told.promise
      return contextError(() =>
        scope.detach('audit', { deadlineMs: Infinity }, () => {
          ran = true
        }),
      )
    })
    revoke({ userId: 'alice' })
    told.resolve()
    expect(await attempt).toMatchObject({ code: 'REVOKED' })
    expect(ran).toBe(false)
  },
)
