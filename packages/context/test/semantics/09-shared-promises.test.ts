import { expect, test } from 'vitest'
import { assertOwner, own, perOwner } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { deferred } from '../support/deferred.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'

test('semantics 9, the platform: a promise made as Alice is computed as her, and goes on as whoever awaits it', async () => {
  const gate = deferred()
  const promise = plain.run('alice', async () => {
    await gate.promise
    return plainUser()
  })
  const seen = plain.run('bob', async () => [await promise, plainUser()])
  gate.resolve()
  expect(await seen).toEqual(['alice', 'bob'])
})

test('semantics 9: a fetch that Bob would have shared with Alice is made again, as Bob', async () => {
  const gate = deferred()
  let fetches = 0
  const rows = perOwner(
    async (key) => {
      fetches += 1
      await gate.promise
      return `${key} of ${whoAmI()}`
    },
    { max: 10, ttlMs: Infinity },
  )
  const get = (): Promise<string> => rows.get('rows')
  const both = Promise.all([runAs('alice', get), runAs('alice', get), runAs('bob', get)])
  gate.resolve()
  expect(await both).toEqual(['rows of alice', 'rows of alice', 'rows of bob'])
  expect(fetches).toBe(2)
})

test('semantics 9: an owned promise is refused in another owner’s scope before anybody awaits it', async () => {
  await runAs('alice', async () => {
    const promise = own(Promise.resolve('alice’s'))
    await runAs('bob', async () => {
      expect(await contextError(() => assertOwner(promise))).toMatchObject({ code: 'CROSS_OWNER' })
    })
    expect(await assertOwner(promise)).toBe('alice’s')
  })
})
