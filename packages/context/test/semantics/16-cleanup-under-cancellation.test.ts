import { expect, test } from 'vitest'
import { caught } from '../support/caught.ts'
import { nextTurn } from '../support/deferred.ts'
import { whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

test('semantics 16: three cleanups that throw all run, last in first out, and the first error is still reachable', async () => {
  const order: number[] = []
  const error = await caught(() =>
    users.run(alice, (scope) => {
      for (const number of [1, 2, 3]) {
        scope.defer(async () => {
          await nextTurn()
          order.push(number)
          throw new Error(`cleanup ${number}`)
        })
      }
      throw new Error('body')
    }),
  )
  expect(order).toEqual([3, 2, 1])
  expect(chain(error)).toEqual(['cleanup 1', 'cleanup 2', 'cleanup 3', 'body'])
})

/** What was thrown, the latest first: as `await using` nests it. */
function chain(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  if (error.name !== 'SuppressedError') return [error.message]
  return [...chain(Reflect.get(error, 'error')), ...chain(Reflect.get(error, 'suppressed'))]
}

test('semantics 16: a cleanup of an aborted scope has a signal of its own, and its user', async () => {
  const seen: unknown[] = []
  const stop = new Error('stop')
  await users.run(alice, (scope) => {
    scope.defer(async (signal) => {
      await nextTurn()
      seen.push(signal.aborted, scope.signal.aborted, whoAmI())
    })
    scope.abort(stop)
  })
  expect(seen).toEqual([false, true, 'alice'])
})

test('semantics 16: cleanups share a budget: who overruns it is told, and the others still run', async () => {
  const order: string[] = []
  await users.run(alice, { cleanupBudgetMs: 1 }, (scope) => {
    scope.defer(() => order.push('the other'))
    scope.defer(
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            order.push(`told as ${whoAmI()}`)
            resolve(undefined)
          })
        }),
    )
  })
  expect(order).toEqual(['told as alice', 'the other'])
})
