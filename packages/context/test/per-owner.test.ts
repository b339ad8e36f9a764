import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ArgumentError,
  assertOwner,
  currentScope,
  inspect,
  own,
  perOwner,
  runOutside,
  type Scope,
} from '../src/index.ts'
import { caught, contextError, thrownBy } from './support/caught.ts'
import { type Deferred, deferred, nextTurn } from './support/deferred.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const plenty = { max: 100, maxPerOwner: 10, ttlMs: Infinity }
const acme = { ...alice, tenantId: 'acme' }

/** A factory whose makings the test ends by hand. */
function byHand<Value>(): {
  made: { key: string; scope: Scope; as: string }[]
  gates: Deferred<Value>[]
  make: (key: string, scope: Scope) => Promise<Value>
} {
  const made: { key: string; scope: Scope; as: string }[] = []
  const gates: Deferred<Value>[] = []
  return {
    made,
    gates,
    make: (key, scope) => {
      const gate = deferred<Value>()
      made.push({ key, scope, as: users.current().userId })
      gates.push(gate)
      return gate.promise
    },
  }
}

describe('whose', () => {
  test('every owner has their own value for every key, made once', async () => {
    const names = perOwner((key) => `${users.current().userId}/${key}`, plenty)
    for (let round = 0; round < 2; round += 1) {
      await users.run(alice, async () => {
        await expect(names.get('a')).resolves.toBe('alice/a')
        await expect(names.get('b')).resolves.toBe('alice/b')
        await expect(names.get()).resolves.toBe('alice/')
      })
      await users.run(bob, () => expect(names.get('a')).resolves.toBe('bob/a'))
    }
    expect(names.size).toBe(4)
  })

  test('a tenant is part of the owner, and an empty one is none', async () => {
    let made = 0
    const counts = perOwner(() => (made += 1), plenty)
    await users.run(alice, () => expect(counts.get()).resolves.toBe(1))
    await users.run(acme, () => expect(counts.get()).resolves.toBe(2))
    await users.run({ ...alice, tenantId: '' }, () => expect(counts.get()).resolves.toBe(1))
  })

  test('no choice of ids and keys makes two owners meet', async () => {
    const id = fc.stringMatching(/^[0-9:a]{1,4}$/)
    const person = fc.record({ tenantId: fc.option(id, { nil: undefined }), userId: id, key: id })
    await fc.assert(
      fc.asyncProperty(fc.array(person, { minLength: 2, maxLength: 12 }), async (people) => {
        const answers = perOwner(
          (key) => JSON.stringify([users.current().tenantId, users.current().userId, key]),
          { max: 100, maxPerOwner: 100, ttlMs: Infinity },
        )
        await Promise.all(
          people.map(({ tenantId, userId, key }) =>
            users.run({ tenantId, userId }, async () =>
              expect(await answers.get(key)).toBe(JSON.stringify([tenantId, userId, key])),
            ),
          ),
        )
      }),
      { numRuns: 100 },
    )
  })

  test('a value becomes the owner’s, whoever gets hold of it', async () => {
    const profiles = perOwner(() => ({ secret: users.current().userId }), plenty)
    const profile = await users.run(alice, () => profiles.get())
    await users.run(alice, async () => expect(assertOwner(await profiles.get())).toBe(profile))
    await users.run(bob, async () => {
      expect(thrownBy(() => assertOwner(profile))).toMatchObject({ code: 'CROSS_OWNER' })
    })
  })

  test('a factory that returns one object to two owners is caught, and keeps nothing', async () => {
    const shared = {}
    const profiles = perOwner(() => shared, plenty)
    await users.run(alice, () => expect(profiles.get()).resolves.toBe(shared))
    const refused = await contextError(() => users.run(bob, () => profiles.get()))
    expect(refused.code).toBe('CROSS_OWNER')
    expect(profiles.size).toBe(1)
  })

  test('a value that was given away since is not handed out again', async () => {
    const { transfer } = await import('../src/index.ts')
    const documents = perOwner(() => own({}), plenty)
    await users.run(alice, async () => {
      transfer(await documents.get(), bob)
      const refused = await contextError(() => documents.get())
      expect(refused.code).toBe('CROSS_OWNER')
    })
  })
})

describe('one making', () => {
  test('two requests of one owner share it; two owners never do', async () => {
    const { made, gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const requests = [alice, bob, alice, bob].map((user) =>
      users.run(user, () => values.get('same')),
    )
    expect(made.map(({ as }) => as)).toEqual(['alice', 'bob'])
    gates[1]?.resolve('bob’s')
    gates[0]?.resolve('alice’s')
    await expect(Promise.all(requests)).resolves.toEqual(['alice’s', 'bob’s', 'alice’s', 'bob’s'])
    expect(made).toHaveLength(2)
  })

  test('it does not end with the scope that happened to ask first', async () => {
    const { orphans } = inspect()
    const { made, gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const left = new Error('left')
    const first = caught(() =>
      users.run(alice, async (scope) => {
        const value = values.get()
        scope.abort(left)
        await value
      }),
    )
    const second = users.run(alice, () => values.get())
    await expect(first).resolves.toBe(left)
    const [making] = made
    expect(making?.scope.lifecycle).toBe('open')
    expect(users.runSync(alice, () => making?.scope.signal.aborted)).toBe(false)
    gates[0]?.resolve('made')
    await expect(second).resolves.toBe('made')
    expect(made).toHaveLength(1)
    await nextTurn()
    expect(inspect()).toMatchObject({ openScopes: 0, orphans })
  })

  test('who leaves while waiting for another’s making stops waiting', async () => {
    const { gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const first = users.run(alice, () => values.get())
    const left = new Error('left')
    const second = caught(() =>
      users.run(alice, async (scope) => {
        const value = values.get()
        scope.abort(left)
        await value
      }),
    )
    await expect(second).resolves.toBe(left)
    gates[0]?.resolve('made')
    await expect(first).resolves.toBe('made')
  })

  test('it has a deadline of its own, and hears of it', async () => {
    const reasons: unknown[] = []
    const values = perOwner(
      (_key, { signal }) =>
        new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason)
          })
        }),
      { ...plenty, deadlineMs: 10, label: 'profile' },
    )
    const error = await contextError(() => users.run(alice, () => values.get()))
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(error.message).toContain('"profile"')
    expect(reasons).toEqual([error])
    expect(values.size).toBe(0)
  })

  test('it runs in a root scope of the owner, with a copy of the asker’s context', async () => {
    const seen: unknown[] = []
    const values = perOwner(
      (key, scope) => {
        expect(currentScope()).toBe(scope)
        seen.push([key, scope.label, users.current().plan, scope.owner])
      },
      { ...plenty, label: 'profile' },
    )
    await users.run({ ...acme, plan: 'pro' }, () => values.get('k'))
    expect(seen).toEqual([['k', 'profile', 'pro', { tenantId: 'acme', userId: 'alice' }]])
  })

  test('a failure is told to all who wait, and not kept', async () => {
    const { made, gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const mine = new Error('mine')
    const requests = [0, 1].map(() => caught(() => users.run(alice, () => values.get())))
    gates[0]?.reject(mine)
    await expect(Promise.all(requests)).resolves.toEqual([mine, mine])
    const again = users.run(alice, () => values.get())
    expect(made).toHaveLength(2)
    gates[1]?.resolve('made')
    await expect(again).resolves.toBe('made')
  })

  test('a failure that nobody awaited fails the scope that asked', async () => {
    const values = perOwner(() => Promise.reject(new Error('alone')), plenty)
    await expect(users.run(alice, () => void values.get())).rejects.toThrow('alone')
  })
})

describe('how long and how much', () => {
  test('a value is made anew when it has expired, and counted from when it was made', async () => {
    let now = 1_000
    const { made, gates, make } = byHand<number>()
    const values = perOwner(make, { ...plenty, ttlMs: 100, now: () => now })
    const get = (): Promise<number> => users.run(alice, () => values.get())
    const first = get()
    now += 5_000
    gates[0]?.resolve(1)
    await expect(first).resolves.toBe(1)
    now += 99
    await expect(get()).resolves.toBe(1)
    now += 1
    const second = get()
    expect(made).toHaveLength(2)
    gates[1]?.resolve(2)
    await expect(second).resolves.toBe(2)
    expect(values.size).toBe(1)
  })

  test('of one owner the least recently used goes first, and never another owner’s', async () => {
    const calls: string[] = []
    const values = perOwner((key) => calls.push(`${users.current().userId}/${key}`), {
      max: 100,
      maxPerOwner: 2,
      ttlMs: Infinity,
    })
    await users.run(bob, () => values.get('a'))
    await users.run(alice, async () => {
      for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await values.get(key)
    })
    await users.run(bob, () => values.get('a'))
    expect(calls).toEqual(['bob/a', 'alice/a', 'alice/b', 'alice/c', 'alice/b'])
    expect(values.size).toBe(3)
  })

  test('of all the least recently used goes first', async () => {
    const calls: string[] = []
    const values = perOwner(() => calls.push(users.current().userId), {
      max: 2,
      maxPerOwner: 1,
      ttlMs: Infinity,
    })
    for (const userId of ['a', 'b', 'a', 'c', 'a', 'b']) {
      await users.run({ userId }, () => values.get())
    }
    expect(calls).toEqual(['a', 'b', 'c', 'b'])
    expect(values.size).toBe(2)
  })

  test('one owner may have a tenth of all where nothing else is said', async () => {
    const values = perOwner((key) => key, { max: 30, ttlMs: Infinity })
    const few = perOwner((key) => key, { max: 3, ttlMs: Infinity })
    await users.run(alice, async () => {
      for (let key = 0; key < 9; key += 1) {
        await values.get(`${key}`)
        await few.get(`${key}`)
      }
    })
    expect([values.size, few.size]).toEqual([3, 1])
  })

  test('whatever is asked for in whatever order, the bounds hold and the answers are right', async () => {
    const request = fc.record({
      userId: fc.constantFrom('a', 'b', 'c', 'd'),
      key: fc.constantFrom('1', '2', '3', '4'),
      drop: fc.boolean(),
      wait: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
        const values = perOwner(
          async (key) => {
            await Promise.resolve()
            return `${users.current().userId}/${key}`
          },
          { max: 5, maxPerOwner: 2, ttlMs: Infinity },
        )
        const pending: Promise<void>[] = []
        for (const { userId, key, drop, wait } of requests) {
          const asked = users.run({ userId }, async () => {
            if (drop) values.delete(key)
            expect(await values.get(key)).toBe(`${userId}/${key}`)
            expect(values.size).toBeLessThanOrEqual(5)
          })
          if (wait) await asked
          else pending.push(asked)
        }
        await Promise.all(pending)
        expect(values.size).toBeLessThanOrEqual(5)
      }),
      { numRuns: 100 },
    )
  })
})

describe('dropping', () => {
  test('delete drops the owner’s own value and nobody else’s, and says nothing', async () => {
    let made = 0
    const values = perOwner(() => (made += 1), plenty)
    await users.run(alice, () => values.get('k'))
    await users.run(bob, async () => {
      expect(values.delete('k')).toBeUndefined()
      expect(values.delete('never')).toBeUndefined()
    })
    await users.run(alice, async () => {
      await expect(values.get('k')).resolves.toBe(1)
      values.delete('k')
      await expect(values.get('k')).resolves.toBe(2)
    })
  })

  test('a value in the making that is dropped reaches who waits, and nobody after them', async () => {
    const { made, gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const before = users.run(alice, () => values.get())
    users.runSync(alice, () => values.delete())
    const after = users.run(alice, () => values.get())
    expect(made).toHaveLength(2)
    gates[0]?.resolve('stale')
    gates[1]?.resolve('fresh')
    await expect(Promise.all([before, after])).resolves.toEqual(['stale', 'fresh'])
    await expect(users.run(alice, () => values.get())).resolves.toBe('fresh')
  })

  test('a dropped making that fails does not take the next one with it', async () => {
    const { made, gates, make } = byHand<string>()
    const values = perOwner(make, plenty)
    const before = caught(() => users.run(alice, () => values.get()))
    users.runSync(alice, () => values.delete())
    const after = users.run(alice, () => values.get())
    gates[0]?.reject(new Error('stale'))
    await before
    gates[1]?.resolve('fresh')
    await after
    await expect(users.run(alice, () => values.get())).resolves.toBe('fresh')
    expect(made).toHaveLength(2)
  })

  test('clear drops all that the owner has, and nobody else’s', async () => {
    const values = perOwner((key) => key, plenty)
    const fill = (user: { userId: string; tenantId?: string }): Promise<unknown> =>
      users.run(user, () => Promise.all(['a', 'b'].map((key) => values.get(key))))
    await Promise.all([alice, acme, bob].map(fill))
    users.runSync(alice, () => values.clear())
    expect(values.size).toBe(4)
    users.runSync(alice, () => values.clear(alice))
    values.clear(bob)
    values.clear({ userId: 'nobody' })
    expect(values.size).toBe(2)
    runOutside(() => values.clear(acme))
    expect(values.size).toBe(0)
  })

  test('nobody clears another owner from their own scope', async () => {
    const values = perOwner((key) => key, plenty)
    await users.run(alice, () => values.get())
    users.runSync(bob, () => {
      expect(thrownBy(() => values.clear(alice))).toMatchObject({ code: 'CROSS_OWNER' })
      expect(thrownBy(() => values.clear({ userId: 'nobody' }))).toMatchObject({
        code: 'CROSS_OWNER',
      })
    })
    expect(values.size).toBe(1)
  })

  test('work that outlived its scope clears nobody', async () => {
    const values = perOwner((key) => key, plenty)
    await users.run(alice, () => values.get())
    const gate = deferred()
    const late = await users.run(bob, () => ({
      tried: caught(async () => {
        await gate.promise
        values.clear(alice)
      }),
    }))
    gate.resolve()
    expect(await late.tried).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(values.size).toBe(1)
  })
})

describe('where', () => {
  test('outside a scope there is no owner to ask for', () => {
    const values = perOwner((key) => key, plenty)
    for (const use of [() => values.get(), () => values.delete(), () => values.clear()]) {
      expect(thrownBy(use)).toMatchObject({ code: 'NO_SCOPE' })
    }
  })

  test('in a cleanup and in a synchronous scope, what is there can be had, and nothing is made', async () => {
    let made = 0
    const values = perOwner(() => (made += 1), plenty)
    await users.run(alice, () => values.get('there'))
    const results: unknown[] = []
    await users.run(alice, (scope) => {
      scope.defer(async () => {
        results.push(
          await values.get('there'),
          thrownBy(() => values.get('new')),
        )
      })
    })
    expect(results).toEqual([1, expect.objectContaining({ code: 'SCOPE_CLOSING' })])
    const there = users.runSync(alice, () => {
      expect(thrownBy(() => values.get('new'))).toMatchObject({ code: 'SYNC_SCOPE' })
      return { value: values.get('there') }
    })
    await expect(there.value).resolves.toBe(1)
    expect(made).toBe(1)
  })

  test('an aborted scope makes nothing', async () => {
    let made = 0
    const values = perOwner(() => (made += 1), plenty)
    const left = new Error('left')
    const error = await caught(() =>
      users.run(alice, async (scope) => {
        scope.abort(left)
        await values.get()
      }),
    )
    expect(error).toBe(left)
    expect([made, values.size]).toEqual([0, 0])
  })

  test.each([
    [{ ttlMs: 1 }, '`max` of perOwner() to be an integer >= 1, got undefined'],
    [{ max: 1.5, ttlMs: 1 }, '`max` of perOwner() to be an integer >= 1, got 1.5'],
    [
      { max: 1, maxPerOwner: 0, ttlMs: 1 },
      '`maxPerOwner` of perOwner() to be an integer >= 1, got 0',
    ],
    [{ max: 1 }, '`ttlMs` of perOwner() to be milliseconds > 0, got undefined'],
    [{ max: 1, ttlMs: Number.NaN }, '`ttlMs` of perOwner() to be milliseconds > 0, got NaN'],
    [
      { max: 1, ttlMs: 1, deadlineMs: 0 },
      '`deadlineMs` of perOwner() to be milliseconds > 0, got 0',
    ],
  ])('bounds that are none are refused: %o', (options, message) => {
    expect(() => perOwner(() => 1, untyped(options))).toThrow(
      new ArgumentError(`Expected ${message}`),
    )
  })

  test('a key that is no string is refused', () => {
    const values = perOwner((key) => key, { ...plenty, label: 'profile' })
    users.runSync(alice, () => {
      expect(() => values.get(untyped(1))).toThrow(
        new ArgumentError('Expected `key` of get() of "profile" to be a string, got number'),
      )
    })
  })
})
