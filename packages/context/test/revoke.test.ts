import { expect, test } from 'vitest'
import { inspect, revoke, runOutside, type Orphan } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

// origins: UCM-2 EEF-4
test('every scope of the owner ends, detached ones too, and nobody else notices', async () => {
  const started = deferred()
  const detached = deferred<Promise<unknown>>()
  const gate = deferred()
  const first = users.run(alice, async (scope) => {
    detached.resolve(
      caught(() =>
        scope.detach('later', { deadlineMs: Infinity }, (own) =>
          aborted(own.signal).then(() => {
            throw own.signal.reason
          }),
        ),
      ),
    )
    started.resolve()
    await aborted(scope.signal)
    throw scope.signal.reason
  })
  const second = users.run(alice, { label: 'another' }, async (scope) => {
    await users.child({}, (inner) => aborted(inner.signal))
    throw scope.signal.reason
  })
  const others = users.run(bob, async (scope) => {
    await gate.promise
    return scope.signal.aborted
  })
  await started.promise
  expect(revoke({ userId: 'alice' })).toBe(3)
  expect(revoke({ userId: 'alice' })).toBe(0)
  expect((await contextError(() => first)).code).toBe('REVOKED')
  expect((await contextError(() => second)).code).toBe('REVOKED')
  expect(await detached.promise.then((late) => late)).toMatchObject({ code: 'REVOKED' })
  gate.resolve()
  expect(await others).toBe(false)
})

test('work that ignores the revocation is fenced within its budget', async () => {
  const before = inspect().orphans
  const late = deferred()
  const told: Orphan[] = []
  let reading: Promise<unknown> = Promise.resolve()
  const run = users.run(
    alice,
    { closeBudgetMs: 1, onOrphan: (orphan) => told.push(orphan) },
    async () => {
      reading = late.promise.then(() => caught(() => users.current()))
      await reading
    },
  )
  revoke({ userId: 'alice' })
  expect((await contextError(() => run)).code).toBe('REVOKED')
  late.resolve()
  expect(await reading).toMatchObject({ code: 'SCOPE_CLOSED' })
  await told[0]?.ended
  expect(inspect().orphans).toBeLessThanOrEqual(before)
})

test('work that outlived its scope revokes nobody', async () => {
  const gate = deferred()
  const late = await users.run(bob, () => ({
    tried: caught(async () => {
      await gate.promise
      revoke({ userId: 'alice' })
    }),
  }))
  const run = users.run(alice, async (scope) => {
    gate.resolve()
    expect(await late.tried).toMatchObject({ code: 'SCOPE_CLOSED' })
    return scope.signal.aborted
  })
  expect(await run).toBe(false)
})

test('nobody revokes another owner from a scope of their own', async () => {
  await users.run(bob, async () => {
    expect((await contextError(() => revoke({ userId: 'alice' }))).code).toBe('CROSS_OWNER')
    expect(runOutside(() => revoke({ userId: 'alice' }))).toBe(0)
  })
  expect(revoke({ tenantId: 'acme', userId: 'alice' })).toBe(0)
})
