import { expect, test } from 'vitest'
import * as z from 'zod'
import { ContextError, currentScope, defineUserContext, inspect } from '../src/index.ts'

// This file runs in a process of its own, and claims it for a version that does not exist.
const key = Symbol.for('ringfence.context')
const wasFree = !Reflect.has(globalThis, key)
Object.defineProperty(globalThis, key, { value: { protocol: 999 } })

test('an incompatible copy in the same process is refused with VERSION_CONFLICT', async () => {
  const users = defineUserContext('app-user', z.object({}))
  const conflict = new ContextError(
    'VERSION_CONFLICT',
    "Two incompatible copies of @ringfence/context are loaded in this process, and they would not see each other's scopes. Deduplicate the dependency so that one version remains.",
  )
  expect(wasFree).toBe(true)
  expect(() => users.current()).toThrow(conflict)
  expect(() => users.tryCurrent()).toThrow(conflict)
  expect(() => currentScope()).toThrow(conflict)
  expect(() => inspect()).toThrow(conflict)
  await expect(users.run({ userId: 'alice' }, () => 1)).rejects.toEqual(conflict)
  expect(() => users.runSync({ userId: 'alice' }, () => 1)).toThrow(
    expect.objectContaining({ code: 'VERSION_CONFLICT' }),
  )
})
