import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { users } from '../support/users.ts'

test('semantics 26, the platform: a snapshot works for ever, and is Alice’s wherever it is called', () => {
  const snapshot = plain.run('alice', () => AsyncLocalStorage.snapshot())
  expect(plain.run('bob', () => snapshot(plainUser))).toBe('alice')
})

test('semantics 26: what is bound throws after its scope has closed, in another request and in none', async () => {
  let calls = 0
  const kept = await runAs('alice', () =>
    bind(() => {
      calls += 1
    }),
  )
  expect(await contextError(kept)).toMatchObject({ code: 'SCOPE_CLOSED' })
  await runAs('bob', async () => {
    expect(await contextError(kept)).toMatchObject({ code: 'SCOPE_CLOSED' })
  })
  expect(calls).toBe(0)
})

test('semantics 26: the platform’s own snapshot of a closed scope leads to no user', async () => {
  const snapshot = await runAs('alice', () => AsyncLocalStorage.snapshot())
  await runAs('bob', async () => {
    expect(snapshot(whoAmI)).toBe('nobody')
    expect(await contextError(() => snapshot(() => users.current()))).toMatchObject({
      code: 'SCOPE_CLOSED',
    })
    expect(whoAmI()).toBe('bob')
  })
})
