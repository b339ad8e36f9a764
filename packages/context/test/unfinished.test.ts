import { expect, test } from 'vitest'
import { inspect, type Orphan } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { alice, users } from './support/users.ts'

test('wait: what still runs when the callback returns is joined', async () => {
  const gate = deferred()
  let done = false
  const run = users.run(alice, { unfinished: 'wait' }, (scope) => {
    void scope.spawn('work', async () => {
      await gate.promise
      done = true
    })
    return 'returned'
  })
  gate.resolve()
  expect([await run, done]).toEqual(['returned', true])
})

test('abort: it is told to stop, and joined when it does; the result stands', async () => {
  let stopped = false
  const result = await users.run(alice, { unfinished: 'abort' }, (scope) => {
    void scope.spawn('work', async (signal) => {
      await aborted(signal)
      stopped = true
      throw signal.reason
    })
    return 'returned'
  })
  expect([result, stopped]).toEqual(['returned', true])
})

test('report: it is fenced at once and reported, and can no longer read the user', async () => {
  const before = inspect().orphans
  const gate = deferred()
  const told: Orphan[] = []
  let late: Promise<unknown> = Promise.resolve()
  const options = { unfinished: 'report', onOrphan: (orphan: Orphan) => told.push(orphan) } as const
  const result = await users.run(alice, options, (scope) => {
    void scope.spawn('work', async () => {
      late = gate.promise.then(() => caught(() => users.current()))
      await late
    })
    return 'returned'
  })
  expect([result, told.map(({ label }) => label)]).toEqual(['returned', ['work']])
  gate.resolve()
  expect(await late).toMatchObject({ code: 'SCOPE_CLOSED' })
  await Promise.all(told.map(({ ended }) => ended))
  expect(inspect().orphans).toBeLessThanOrEqual(before)
})
