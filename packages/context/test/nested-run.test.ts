import { expect, test } from 'vitest'
import { currentScope, inspect, runOutside, type Scope } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { untyped } from './support/untyped.ts'
import { admins, alice, bob, users } from './support/users.ts'

// origins: UEC-7 S-2
test('another owner’s run inside an open scope is refused with CROSS_OWNER, and does not run', async () => {
  let ran = false
  const run = (): unknown => {
    ran = true
    return undefined
  }
  await users.run({ ...alice, tenantId: 'acme' }, async () => {
    for (const other of [bob, alice, { ...alice, tenantId: 'other' }]) {
      await expect(users.run(other, run)).rejects.toMatchObject({ code: 'CROSS_OWNER' })
      expect(() => users.runSync(other, run)).toThrow(
        expect.objectContaining({ code: 'CROSS_OWNER' }),
      )
      await expect(admins.run(other, run)).rejects.toMatchObject({ code: 'CROSS_OWNER' })
    }
    expect(users.current()).toMatchObject({ userId: 'alice', tenantId: 'acme' })
  })
  expect(ran).toBe(false)
})

test('the owner’s own run inside an open scope is a child: it has the deadline, and hears the abort', async () => {
  await users.run(alice, { deadlineMs: 60_000 }, async (outer) => {
    await users.run({ ...alice, plan: 'pro' }, async (inner) => {
      expect(inner.id).not.toBe(outer.id)
      expect(inner.deadline).toBe(outer.deadline)
      expect(users.current().plan).toBe('pro')
      const heard = aborted(inner.signal)
      outer.abort(new Error('stop'))
      await heard
      expect(inner.signal.reason).toEqual(new Error('stop'))
    })
    expect(users.current().plan).toBe('free')
    expect(currentScope()).toBe(outer)
  })
})

test('outside the scope, through runOutside, another owner’s run is a root', async () => {
  await users.run(alice, async () => {
    const seen = await runOutside(() => users.run(bob, async () => users.current().userId))
    expect(seen).toBe('bob')
    expect(users.current().userId).toBe('alice')
  })
})

test('run never throws: what is wrong with its arguments rejects, and no scope is left open', async () => {
  const before = inspect()
  const wrong = [
    { deadlineMs: -1 },
    { deadlineMs: Number.NaN },
    { closeBudgetMs: Number.NaN },
    { cleanupBudgetMs: -5 },
    { signal: untyped<AbortSignal>({}) },
    { deadlineMs: untyped<number>('100') },
  ]
  for (const options of wrong) {
    const run = users.run(alice, options, () => undefined)
    await expect(run).rejects.toThrow(TypeError)
  }
  expect(inspect()).toMatchObject({
    openScopes: before.openScopes,
    openedScopes: before.openedScopes,
  })
})

test('a nested run that nobody awaited is joined, and its failure is not lost', async () => {
  const kept: Scope[] = []
  const error = await caught(() =>
    users.run(alice, () => {
      void users.run(alice, async (scope) => {
        kept.push(scope)
        await nextTurn()
        throw new Error('nobody looked')
      })
    }),
  )
  expect(error).toEqual(new Error('nobody looked'))
  expect(kept[0]?.lifecycle).toBe('closed')
})

test('a nested run whose failure was handled fails nothing else', async () => {
  const result = await users.run(alice, async () => {
    const failed = users.run(alice, async () => {
      await nextTurn()
      throw new Error('handled')
    })
    return failed.catch((error: unknown) => error)
  })
  expect(result).toEqual(new Error('handled'))
})

test('a scope inside never outlives the one around it', async () => {
  const order: string[] = []
  const gate = deferred()
  const done = users.run(alice, (outer) => {
    outer.defer(() => order.push('outer cleanup'))
    void users.child({ threadId: 't' }, async (inner) => {
      inner.defer(() => order.push('inner cleanup'))
      await gate.promise
      order.push(`inner ends while outer is ${outer.lifecycle}`)
    })
    order.push('outer callback ends')
  })
  await nextTurn()
  gate.resolve()
  await done
  expect(order).toEqual([
    'outer callback ends',
    'inner ends while outer is open',
    'inner cleanup',
    'outer cleanup',
  ])
})

test('in a scope that is aborted already nothing new begins', async () => {
  let ran = 0
  const count = (): void => {
    ran += 1
  }
  const reason = new Error('too late')
  await users.run(alice, async (scope) => {
    scope.abort(reason)
    await expect(users.run(alice, count)).rejects.toBe(reason)
    await expect(users.child({}, count)).rejects.toBe(reason)
    await expect(scope.child({}, {}, count)).rejects.toBe(reason)
    expect(() => users.runSync(alice, count)).toThrow(reason)
  })
  const signal = AbortSignal.abort(reason)
  await expect(users.run(alice, { signal }, count)).rejects.toBe(reason)
  expect(ran).toBe(0)
  expect(inspect().openScopes).toBe(0)
})

test('in a closing scope no scope opens', async () => {
  const seen: unknown[] = []
  await users.run(alice, (scope) => {
    scope.defer(async () => {
      seen.push(
        (await contextError(() => users.run(alice, () => undefined))).code,
        (await contextError(() => users.child({}, () => undefined))).code,
        (await contextError(() => scope.child({}, {}, () => undefined))).code,
        (await contextError(() => users.runSync(alice, () => undefined))).code,
      )
    })
  })
  expect(seen).toEqual(['SCOPE_CLOSING', 'SCOPE_CLOSING', 'SCOPE_CLOSING', 'SCOPE_CLOSING'])
})

test('five thousand scopes deep, an abort reaches the innermost', async () => {
  const depth = 5_000
  const reason = new Error('stop')
  let outermost: Scope | undefined
  const descend = async (level: number): Promise<void> => {
    await Promise.resolve()
    if (level > 0) return users.child({}, () => descend(level - 1))
    outermost?.abort(reason)
    expect(currentScope().signal.reason).toBe(reason)
  }
  await users.run(alice, async (scope) => {
    outermost = scope
    await descend(depth)
  })
  expect.assertions(1)
})
