import { expect, onTestFinished, test } from 'vitest'
import { inspect } from '../src/index.ts'
import { nextTurn } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

test('an abort listener that throws stops neither the abort nor the close', async () => {
  // Node makes an uncaught exception of what a listener throws; the test wants to see it, not to die of it.
  const listeners = process.listeners('uncaughtException')
  const uncaught: unknown[] = []
  const collect = (error: unknown): void => {
    uncaught.push(error)
  }
  process.removeAllListeners('uncaughtException').on('uncaughtException', collect)
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const order: string[] = []
  const run = users.run(alice, async (scope) => {
    scope.defer(() => order.push('cleanup'))
    scope.signal.addEventListener('abort', () => {
      throw new Error('broken listener')
    })
    scope.signal.addEventListener('abort', () => order.push('second listener'))
    scope.onAbort(() => {
      throw new Error('another broken listener')
    })
    scope.onAbort(() => order.push('listener without a signal'))
    const child = users.child({}, async (inner) => {
      inner.signal.addEventListener('abort', () => order.push('listener of the child'))
      await nextTurn()
    })
    scope.abort(new Error('stop'))
    await child
  })
  await expect(run).resolves.toBeUndefined()
  expect(order).toEqual([
    'second listener',
    'listener without a signal',
    'listener of the child',
    'cleanup',
  ])
  expect(uncaught).toHaveLength(2)
  expect(uncaught).toEqual(
    expect.arrayContaining([new Error('broken listener'), new Error('another broken listener')]),
  )
  expect(inspect().openScopes).toBe(0)
})
