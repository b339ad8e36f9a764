import { expect, test } from 'vitest'
import { assertOwner, inspect, own, perScope, runOutside } from '../src/index.ts'
import { caught, contextError, thrownBy } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { LazyQuery } from './support/lazy-query.ts'
import { alice, bob, users } from './support/users.ts'

test('a scope’s value is made on first use, by the factory, and then stays the same', async () => {
  let made = 0
  const cart = perScope((scope) => ({ number: ++made, scopeId: scope.id, of: users.current() }))
  expect(made).toBe(0)
  await users.run(alice, async (scope) => {
    const first = cart()
    expect(first).toEqual({ number: 1, scopeId: scope.id, of: users.current() })
    await nextTurn()
    expect(cart()).toBe(first)
    await scope.spawn('task', () => expect(cart()).toBe(first))
  })
  expect(made).toBe(1)
})

test('two users at once, a second scope of one of them, and a child scope each have their own', async () => {
  const box = perScope(() => ({}))
  const gate = deferred()
  const seen: object[] = []
  const open = (user: { userId: string }): Promise<void> =>
    users.run(user, async () => {
      const mine = box()
      seen.push(mine)
      await gate.promise
      expect(box()).toBe(mine)
      await users.child({}, () => {
        seen.push(box())
      })
      expect(box()).toBe(mine)
    })
  const runs = [open(alice), open(bob), open(alice)]
  gate.resolve()
  await Promise.all(runs)
  expect(new Set(seen).size).toBe(6)
})

test('it is disposed with its scope, in the reverse order of making, each by its own way', async () => {
  const order: string[] = []
  const connection = perScope(() => ({ [Symbol.dispose]: () => order.push('connection') }))
  const transaction = perScope(async () => {
    await nextTurn()
    connection()
    return {
      async [Symbol.asyncDispose]() {
        await nextTurn()
        order.push(`transaction of ${users.current().userId}`)
      },
      [Symbol.dispose]: () => order.push('not this one'),
    }
  })
  const number = perScope(() => 7, { dispose: (value) => order.push(`number ${value}`) })
  const unused = perScope(() => ({ [Symbol.dispose]: () => order.push('unused') }))
  await users.run(alice, async (scope) => {
    expect(number()).toBe(7)
    await transaction()
    scope.defer(() => order.push('deferred later'))
    expect(order).toEqual([])
  })
  expect(unused).toBeTypeOf('function')
  expect(order).toEqual(['deferred later', 'transaction of alice', 'connection', 'number 7'])
})

test('all who wait in one scope share one making', async () => {
  let calls = 0
  const gate = deferred<object>()
  const slow = perScope(() => {
    calls += 1
    return gate.promise
  })
  await users.run(alice, async () => {
    const both = [slow(), slow()]
    const value = {}
    gate.resolve(value)
    expect(await Promise.all(both)).toEqual([value, value])
    expect(await slow()).toBe(value)
  })
  expect(calls).toBe(1)
})

test('a failure is told to all who wait, and not kept', async () => {
  let calls = 0
  const late = perScope(async () => {
    calls += 1
    await nextTurn()
    if (calls === 1) throw new Error('once')
    return calls
  })
  const soon = perScope(() => {
    calls += 1
    if (calls === 3) throw new Error('once')
    return calls
  })
  await users.run(alice, async () => {
    const both = [caught(late), caught(late)]
    for (const error of await Promise.all(both)) expect(error).toMatchObject({ message: 'once' })
    await expect(late()).resolves.toBe(2)
    expect(soon).toThrow('once')
    expect(soon()).toBe(4)
    expect(soon()).toBe(4)
  })
})

test('the scope waits for a value in the making, and fails with a failure that nobody awaited', async () => {
  const order: string[] = []
  const slow = perScope(
    async () => {
      await nextTurn()
      order.push('made')
    },
    { dispose: () => order.push('disposed') },
  )
  await users.run(alice, () => void slow())
  expect(order).toEqual(['made', 'disposed'])
  const broken = perScope(() => Promise.reject(new Error('alone')))
  await expect(users.run(alice, () => void broken())).rejects.toThrow('alone')
})

test('a lazy thenable starts once', async () => {
  let loads = 0
  const query = perScope(() => new LazyQuery(() => (loads += 1)))
  await users.run(alice, async () => {
    await expect(query()).resolves.toBe(1)
    await expect(query()).resolves.toBe(1)
  })
})

test('what its scope no longer waits for is disposed when it arrives, and nobody gets it', async () => {
  const gate = deferred<object>()
  const disposed: unknown[] = []
  const slow = perScope(() => gate.promise, { dispose: (value) => disposed.push(value) })
  let waiting: Promise<unknown> = Promise.resolve()
  const error = await caught(() =>
    users.run(alice, { closeBudgetMs: 0 }, async (scope) => {
      waiting = caught(() => slow())
      scope.abort(new Error('left'))
      await scope.spawn('ignores the abort', () => gate.promise)
    }),
  )
  expect(error).toMatchObject({ message: 'left' })
  const value = {}
  gate.resolve(value)
  await expect(waiting).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(disposed).toEqual([value])
})

test('in a cleanup, a value that is there works; a disposed or a new one throws SCOPE_CLOSING', async () => {
  let made = 0
  const value = perScope(() => (made += 1), { dispose: () => undefined })
  const other = perScope(() => (made += 1))
  const results: unknown[] = []
  await users.run(alice, (scope) => {
    scope.defer(() => results.push(thrownBy(value)))
    value()
    scope.defer(() => results.push(value(), thrownBy(other)))
  })
  const closing = expect.objectContaining({ code: 'SCOPE_CLOSING' })
  expect(results).toEqual([1, closing, closing])
  expect(made).toBe(1)
})

test('the value belongs to its scope', async () => {
  const box = perScope(() => ({}))
  const late = perScope(async () => ({}))
  const [one, two] = await users.run(alice, async () => {
    expect(assertOwner(box())).toBe(box())
    return [box(), await late()]
  })
  for (const foreign of [one, two]) {
    users.runSync(bob, () => {
      expect(thrownBy(() => assertOwner(foreign))).toMatchObject({ code: 'CROSS_OWNER' })
    })
    users.runSync(alice, () => {
      expect(thrownBy(() => assertOwner(foreign))).toMatchObject({ code: 'SCOPE_CLOSED' })
    })
  }
})

test('a factory that hands out one object to two users is caught', async () => {
  const shared = {}
  const box = perScope(() => shared)
  const later = perScope(async () => shared)
  const gate = deferred()
  const first = users.run(alice, async () => {
    box()
    await gate.promise
  })
  await users.run(bob, async () => {
    expect(thrownBy(box)).toMatchObject({ code: 'CROSS_OWNER' })
    await expect(contextError(later)).resolves.toMatchObject({ code: 'CROSS_OWNER' })
  })
  gate.resolve()
  await first
})

test('in a synchronous scope a synchronous value works and is disposed; an asynchronous one is refused', async () => {
  const disposed: unknown[] = []
  const now = perScope(() => 1, { dispose: (value) => disposed.push(value) })
  const later = perScope(async () => 2, { dispose: (value) => disposed.push(value) })
  const failing = perScope(() => Promise.reject(new Error('alone')))
  users.runSync(alice, () => {
    expect(now()).toBe(1)
    expect(thrownBy(later)).toMatchObject({ code: 'SYNC_SCOPE' })
    expect(thrownBy(failing)).toMatchObject({ code: 'SYNC_SCOPE' })
  })
  expect(disposed).toEqual([1])
  await nextTurn()
  expect(disposed).toEqual([1, 2])
})

test('outside a scope, and after it has closed, there is nothing to have', async () => {
  function cart(): object {
    return {}
  }
  const box = perScope(cart)
  expect(thrownBy(box)).toMatchObject({ code: 'NO_SCOPE' })
  expect(String(thrownBy(() => runOutside(box)))).toContain('"cart"')
  const gate = deferred()
  let late: Promise<unknown> = Promise.resolve()
  await users.run(alice, () => {
    box()
    late = gate.promise.then(() => thrownBy(box))
  })
  gate.resolve()
  await expect(late).resolves.toMatchObject({ code: 'SCOPE_CLOSED' })
  expect(inspect().openScopes).toBe(0)
})

test('a value that is owned already may be a scope’s too', () => {
  const box = perScope(() => own({}))
  users.runSync(alice, () => expect(assertOwner(box())).toBe(box()))
})
