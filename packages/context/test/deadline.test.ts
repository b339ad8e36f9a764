import { expect, test } from 'vitest'
import { ContextError, inspect } from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { aborted } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

// origins: AIF-15 UCM-1
test('a deadline aborts the scope with DEADLINE_EXCEEDED', async () => {
  const error = await contextError(() =>
    users.run(alice, { deadlineMs: 5 }, async (scope) => {
      await aborted(scope.signal)
      throw scope.signal.reason
    }),
  )
  expect(error.code).toBe('DEADLINE_EXCEEDED')
})

test('a scope without a deadline says so, and Infinity is none', async () => {
  await users.run(alice, (scope) => expect(scope.deadline).toBeUndefined())
  await users.run(alice, { deadlineMs: Infinity }, (scope) =>
    expect(scope.deadline).toBeUndefined(),
  )
})

test('a child’s deadline can only be sooner', async () => {
  const before = Date.now()
  await users.run(alice, { deadlineMs: 60_000 }, async (outer) => {
    expect(outer.deadline).toBeGreaterThanOrEqual(before + 60_000)
    const options = { deadlineMs: 600_000 }
    await users.child({}, options, (inner) => expect(inner.deadline).toBe(outer.deadline))
    await users.run(alice, options, (inner) => expect(inner.deadline).toBe(outer.deadline))
    await users.child({}, { deadlineMs: 1_000 }, (inner) =>
      expect(inner.deadline).toBeLessThanOrEqual(Date.now() + 1_000),
    )
  })
})

test('a child’s own deadline ends the child alone', async () => {
  const result = await users.run(alice, async (outer) => {
    const child = users.child({}, { deadlineMs: 5 }, async (inner) => {
      await aborted(inner.signal)
      throw inner.signal.reason
    })
    const error = await contextError(() => child)
    expect(outer.signal.aborted).toBe(false)
    return error.code
  })
  expect(result).toBe('DEADLINE_EXCEEDED')
})

test('the outer deadline ends the child too, with the same error', async () => {
  const reasons: unknown[] = []
  await users.run(alice, { deadlineMs: 5 }, async (outer) => {
    await users.child({}, { deadlineMs: 60_000 }, async (inner) => {
      await aborted(inner.signal)
      reasons.push(inner.signal.reason)
    })
    reasons.push(outer.signal.reason)
  })
  expect(reasons[0]).toBe(reasons[1])
  expect(reasons[0]).toBeInstanceOf(ContextError)
})

test.each([2 ** 31, 2 ** 40, Number.MAX_VALUE])(
  'a deadline in %d ms does not come at once, as a timer would',
  async (deadlineMs) => {
    const run = users.run(alice, { deadlineMs }, async (scope) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return scope.signal.aborted
    })
    await expect(run).resolves.toBe(false)
  },
)

test.each([Infinity, 2 ** 31])(
  'close and cleanup budgets of %d ms are not over at once, as a timer would be',
  async (budget) => {
    const order: string[] = []
    const options = { closeBudgetMs: budget, cleanupBudgetMs: budget }
    await users.run(alice, options, async (scope) => {
      const slow = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20))
      scope.defer(async () => {
        await slow()
        order.push('cleanup')
      })
      void scope.spawn('task', async () => {
        await slow()
        await slow()
        order.push('task')
      })
      scope.abort(new Error('stop'))
      await slow()
      order.push('callback')
    })
    expect(order).toEqual(['callback', 'task', 'cleanup'])
  },
)

test('where there is no time at all, nothing runs', async () => {
  let ran = false
  const run = users.run(alice, { deadlineMs: 0 }, () => {
    ran = true
  })
  await expect(run).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect([ran, inspect().openScopes]).toEqual([false, 0])
})
