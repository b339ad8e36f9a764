import { expect, test } from 'vitest'
import {
  currentScope,
  defineUserContext,
  isOutside,
  runOutside,
  tryCurrentScope,
  type Scope,
} from '../src/index.ts'
import * as z from 'zod'
import { deferred, nextTurn } from './support/deferred.ts'
import { LazyQuery } from './support/lazy-query.ts'
import { admins, alice, bob, users } from './support/users.ts'

test('outside every scope reading throws NO_SCOPE, and trying gives undefined', () => {
  expect(() => users.current()).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
  expect(() => currentScope()).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
  expect(users.tryCurrent()).toBeUndefined()
  expect(tryCurrentScope()).toBeUndefined()
})

// origins: AIF-20 UCM-2 S-3
test('there is no last user: a scope leaves nothing behind for the next line', async () => {
  users.runSync(alice, () => undefined)
  expect(users.tryCurrent()).toBeUndefined()
  const running = users.run(alice, async () => nextTurn())
  expect(users.tryCurrent()).toBeUndefined()
  await running
  expect(users.tryCurrent()).toBeUndefined()
})

test('inside a scope reading gives its user, through every await, timer and microtask', async () => {
  await users.run({ ...alice, plan: 'pro' }, async (scope) => {
    expect(users.current()).toMatchObject({ userId: 'alice', plan: 'pro' })
    await nextTurn()
    expect(users.current().userId).toBe('alice')
    await new Promise<void>((resolve) => queueMicrotask(resolve)).then(() =>
      expect(users.tryCurrent()?.userId).toBe('alice'),
    )
    expect(currentScope()).toBe(scope)
    expect(tryCurrentScope()).toBe(scope)
    expect(scope.context).toBe(users.current())
    expect(scope.owner).toEqual({ userId: 'alice' })
  })
})

test('run hands on what its callback returns or throws', async () => {
  await expect(users.run(alice, () => 1)).resolves.toBe(1)
  await expect(users.run(alice, async () => 2)).resolves.toBe(2)
  await expect(
    users.run(alice, () => {
      throw new RangeError('at once')
    }),
  ).rejects.toThrow(new RangeError('at once'))
  await expect(
    users.run(alice, async () => {
      await nextTurn()
      throw new RangeError('later')
    }),
  ).rejects.toThrow(new RangeError('later'))
  await expect(
    users.run(alice, () => {
      // oxlint-disable-next-line typescript/only-throw-error -- the point
      throw undefined
    }),
  ).rejects.toBeUndefined()
})

test('a callback that returns a lazy thenable has it started in the scope, as a query builder is', async () => {
  const query = new LazyQuery(() => users.current().userId)
  await expect(users.run(alice, () => query)).resolves.toBe('alice')
  await users.run(alice, async (outer) => {
    const seen = await users.child({}, () => new LazyQuery(() => currentScope().id))
    expect(seen).not.toBe(outer.id)
  })
})

test('a result that throws when it is looked at rejects, and the scope still closes', async () => {
  const kept: Scope[] = []
  const strict = new Proxy(
    {},
    {
      has: () => true,
      get: (_target, key) => {
        throw new Error(`no field ${String(key)}`)
      },
    },
  )
  await expect(
    users.run(alice, (scope) => {
      kept.push(scope)
      return strict
    }),
  ).rejects.toThrow('no field then')
  expect(kept.map(({ lifecycle }) => lifecycle)).toEqual(['closed'])
})

// origins: UEC-18
test('a scope that another definition opened is refused with CONTEXT_MISMATCH', async () => {
  await admins.run(alice, async () => {
    expect(() => users.current()).toThrow(expect.objectContaining({ code: 'CONTEXT_MISMATCH' }))
    expect(users.tryCurrent()).toBeUndefined()
    expect(admins.current().userId).toBe('alice')
    await expect(users.child({}, () => 1)).rejects.toMatchObject({ code: 'CONTEXT_MISMATCH' })
    expect(currentScope().context.userId).toBe('alice')
  })
})

test('two definitions of the same name do not read each other', () => {
  const twin = defineUserContext('app-user', z.object({}))
  users.runSync(alice, () => expect(twin.tryCurrent()).toBeUndefined())
})

test('work left behind reads SCOPE_CLOSED, and nobody else', async () => {
  const gate = deferred()
  const late = deferred<unknown>()
  await users.run(alice, () => {
    void gate.promise.then(() => {
      try {
        late.resolve(users.current())
      } catch (error) {
        late.resolve(error)
      }
    })
  })
  await users.run(bob, async () => {
    gate.resolve()
    expect(await late.promise).toMatchObject({ code: 'SCOPE_CLOSED' })
  })
})

test('what a closed scope left behind lends nothing to a new one: that is a root', async () => {
  const gate = deferred()
  let later: Promise<unknown> = Promise.resolve()
  await users.run(alice, { deadlineMs: 60_000 }, () => {
    later = gate.promise.then(() =>
      users.run(bob, (scope) => [users.current().userId, scope.deadline]),
    )
  })
  gate.resolve()
  await expect(later).resolves.toEqual(['bob', undefined])
})

test('outside is who belongs to nobody: not a scope, and not what one has left behind', async () => {
  const gate = deferred()
  let later: Promise<boolean> = Promise.resolve(true)
  expect(isOutside()).toBe(true)
  await users.run(alice, () => {
    expect(isOutside()).toBe(false)
    expect(runOutside(isOutside)).toBe(true)
    later = gate.promise.then(isOutside)
  })
  gate.resolve()
  await expect(later).resolves.toBe(false)
})
