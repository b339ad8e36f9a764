import { expect, test } from 'vitest'
import { inspect, type Orphan } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { aborted, deferred } from '../support/deferred.ts'
import { alice, users } from '../support/users.ts'

test('semantics 11: spawned work that nobody awaits is waited for', async () => {
  const gate = deferred()
  const order: string[] = []
  const run = users.run(alice, { unfinished: 'wait' }, (scope) => {
    scope.defer(() => order.push('cleanup'))
    void scope.spawn('work', async () => {
      await gate.promise
      order.push('work')
    })
  })
  gate.resolve()
  await run
  expect(order).toEqual(['work', 'cleanup'])
})

test('semantics 11: or it is told to stop, and waited for', async () => {
  const order: string[] = []
  await users.run(alice, { unfinished: 'abort' }, (scope) => {
    scope.defer(() => order.push('cleanup'))
    void scope.spawn('work', async (signal) => {
      await aborted(signal)
      order.push('stopped')
    })
  })
  expect(order).toEqual(['stopped', 'cleanup'])
})

test('semantics 11: or it lives on in a scope of its own, with the same owner and a deadline', async () => {
  const gate = deferred()
  const { receipt, order } = await users.run(alice, (scope) => {
    const done: string[] = []
    const detached = scope.detach('work', { deadlineMs: 60_000 }, async () => {
      await gate.promise
      done.push(users.current().userId)
    })
    return { receipt: detached, order: done }
  })
  expect(order).toEqual([])
  gate.resolve()
  await receipt
  expect(order).toEqual(['alice'])
})

test('semantics 11: or it is fenced and reported once, by its name', async () => {
  const gate = deferred()
  const orphans: Orphan[] = []
  const options = {
    unfinished: 'report',
    onOrphan: (orphan: Orphan) => void orphans.push(orphan),
  } as const
  await users.run(alice, options, (scope) => {
    void scope.spawn('work', () => gate.promise)
  })
  expect(orphans.map(({ label }) => label)).toEqual(['work'])
  gate.resolve()
  await orphans[0]?.ended
})

test('semantics 11: what floats without having been spawned is refused when it asks, and counted once', async () => {
  const gate = deferred()
  const late = deferred<unknown>()
  const later = async (): Promise<void> => {
    await gate.promise
    late.resolve(await contextError(() => users.current()))
  }
  const id = await users.run(alice, { label: 'request' }, (scope) => {
    void later()
    return scope.id
  })
  const before = inspect().violations.SCOPE_CLOSED ?? 0
  gate.resolve()
  const error = await late.promise
  expect(error).toMatchObject({ code: 'SCOPE_CLOSED', scopeId: id })
  expect(error).toHaveProperty('message', expect.stringContaining('"request"'))
  expect(inspect().violations.SCOPE_CLOSED).toBe(before + 1)
})
