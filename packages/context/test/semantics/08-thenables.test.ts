import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { bind, guard } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { LazyQuery } from '../support/lazy-query.ts'
import { plain, plainUser, runAs, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'

test('semantics 8, the platform: a thenable that is awaited or returned keeps the context', async () => {
  const query = (): LazyQuery<string> => new LazyQuery(plainUser)
  const seen = await plain.run('alice', async () => {
    const awaited = await query()
    return [awaited, plainUser(), await (async () => query())()]
  })
  expect(seen).toEqual(['alice', 'alice', 'alice'])
})

test('semantics 8: no view, scope or definition is a thenable, and awaiting one calls nothing of it', async () => {
  class Inbox {
    calls = 0
    read(): void {
      this.calls += 1
    }
  }
  await users.run(alice, async (scope) => {
    const inbox = guard(new Inbox())
    const controller = new AbortController()
    const emitter = bind.emitter(new EventEmitter())
    const target = bind.eventTarget(controller.signal)
    for (const value of [scope, users, inbox, emitter, target, bind.iterator([1])]) {
      expect(Reflect.get(value, 'then')).toBeUndefined()
      // oxlint-disable-next-line typescript/await-thenable -- the point
      expect(await value).toBe(value)
    }
    expect(inbox.calls).toBe(0)
  })
})

test('semantics 8: a lazy thenable that a callback returns starts in its scope', async () => {
  expect(await users.run(alice, () => new LazyQuery(whoAmI))).toBe('alice')
  await users.run(alice, async (scope) => {
    expect(await scope.spawn('query', () => new LazyQuery(whoAmI))).toBe('alice')
  })
})

test('semantics 8: a guarded thenable does not start in another owner’s scope', async () => {
  let started = 0
  await runAs('alice', async () => {
    const query = guard(
      new LazyQuery(() => {
        started += 1
        return whoAmI()
      }),
    )
    await runAs('bob', async () => {
      expect(await contextError(async () => query)).toMatchObject({ code: 'CROSS_OWNER' })
    })
    expect(started).toBe(0)
    expect(await query).toBe('alice')
  })
})
