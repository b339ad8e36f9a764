import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { thrownBy } from './support/caught.ts'

/** Loads the whole package once more, as a second version of a dependency would be. */
async function copy(): Promise<typeof import('../src/index.ts')> {
  vi.resetModules()
  return import('../src/index.ts')
}

test('two copies of the package see one scope, one owner and one count', async () => {
  const one = await copy()
  const two = await copy()
  expect(two.currentScope).not.toBe(one.currentScope)
  const users = one.defineUserContext('app-user', z.object({}))
  const twin = two.defineUserContext('app-user', z.object({}))
  await users.run({ userId: 'alice' }, async (scope) => {
    expect(two.currentScope()).toBe(scope)
    expect(two.inspect().openScopes).toBe(1)
    expect(() => twin.current()).toThrow(expect.objectContaining({ code: 'CONTEXT_MISMATCH' }))
    await expect(twin.run({ userId: 'bob' }, () => 1)).rejects.toMatchObject({
      code: 'CROSS_OWNER',
    })
    await twin.run({ userId: 'alice' }, async (inner) => {
      const heard = new Promise((resolve) => inner.signal.addEventListener('abort', resolve))
      scope.abort(new Error('stop'))
      await heard
    })
    expect(two.bind(() => one.currentScope())()).toBe(scope)
    expect(two.assertOwner(one.own(scope))).toBe(scope)
  })
  expect([one.inspect().openScopes, two.inspect().openScopes]).toEqual([0, 0])
})

test('an error of one copy is an error of the other', async () => {
  const one = await copy()
  const two = await copy()
  const error = thrownBy(() => one.currentScope())
  expect(error instanceof two.ContextError).toBe(false)
  expect(two.ContextError.is(error)).toBe(true)
})
