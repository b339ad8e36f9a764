import { expect, test } from 'vitest'
import { inspect, type Scope } from '../src/index.ts'
import { nextTurn } from './support/deferred.ts'
import { thrownBy } from './support/caught.ts'
import { LazyQuery } from './support/lazy-query.ts'
import { alice, users } from './support/users.ts'

test('runSync returns what its callback returns, and throws what it throws', () => {
  expect(users.runSync(alice, () => users.current().userId)).toBe('alice')
  const error = new Error('no')
  expect(
    thrownBy(() =>
      users.runSync(alice, () => {
        throw error
      }),
    ),
  ).toBe(error)
  expect(inspect().openScopes).toBe(0)
})

test('cleanups of a synchronous scope run at once, last in first out, with a fresh signal', () => {
  const order: unknown[] = []
  const kept: Scope[] = []
  users.runSync(alice, (scope) => {
    kept.push(scope)
    const { signal } = scope
    scope.defer((own) => order.push('first', own.aborted))
    scope.defer(() => order.push('second', signal.aborted, users.current().userId, scope.lifecycle))
    order.push('callback', signal.aborted)
  })
  expect(order).toEqual(
    [
      ['callback', false],
      ['second', true, 'alice', 'closing'],
      ['first', false],
    ].flat(),
  )
  expect(kept[0]?.lifecycle).toBe('closed')
})

test('errors of cleanups are kept beside that of the callback', () => {
  const error = thrownBy(() =>
    users.runSync(alice, (scope) => {
      scope.defer(() => {
        throw new Error('one')
      })
      scope.defer(() => {
        throw new Error('two')
      })
      throw new Error('callback')
    }),
  )
  expect(error).toMatchObject({
    name: 'SuppressedError',
    error: new Error('one'),
    suppressed: { error: new Error('two'), suppressed: new Error('callback') },
  })
})

test('what needs waiting is refused with SYNC_SCOPE', async () => {
  users.runSync(alice, (scope) => {
    for (const use of [
      () => scope.spawn('task', () => 1),
      () => scope.detach('work', { deadlineMs: 1 }, () => 1),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'SYNC_SCOPE' }))
    }
  })
  const rejections = users.runSync(alice, (scope) => ({
    list: [users.run(alice, () => 1), users.child({}, () => 1), scope.child({}, {}, () => 1)],
  }))
  for (const rejection of rejections.list) {
    await expect(rejection).rejects.toMatchObject({ code: 'SYNC_SCOPE' })
  }
  expect(inspect().openScopes).toBe(0)
})

test('a callback or a cleanup that returns a promise is refused, and its later failure ends no process', async () => {
  const refused = expect.objectContaining({ code: 'SYNC_SCOPE' })
  const fails = async (): Promise<void> => {
    await nextTurn()
    users.current()
  }
  expect(() => users.runSync(alice, fails)).toThrow(refused)
  expect(() => users.runSync(alice, (scope) => scope.defer(fails))).toThrow(refused)
  await nextTurn()
  await nextTurn()
  expect(inspect().openScopes).toBe(0)
})

test('a lazy thenable is refused without being started', () => {
  let started = false
  const query = new LazyQuery(() => {
    started = true
  })
  expect(() => users.runSync(alice, () => query)).toThrow(
    expect.objectContaining({ code: 'SYNC_SCOPE' }),
  )
  expect(started).toBe(false)
})

test('a synchronous scope inside another ends before it, and leaves nothing pending', async () => {
  await users.run(alice, async (scope) => {
    const inner = users.runSync(alice, (opened) => opened)
    expect(inner.lifecycle).toBe('closed')
    expect(scope.lifecycle).toBe('open')
    const promise = users.runSync(alice, () => {
      users.runSync(alice, () => undefined)
      return [1]
    })
    expect(promise).toEqual([1])
  })
  expect(inspect().openScopes).toBe(0)
})
