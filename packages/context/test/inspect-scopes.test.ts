import { expect, test } from 'vitest'
import { inspectScopes } from '../src/index.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

test('the tree shows owners, ages, what is waited for, and scopes inside scopes', async () => {
  const gate = deferred()
  const ready = deferred()
  const first = users.run(alice, { label: 'request', deadlineMs: 60_000 }, async (scope) => {
    void scope.spawn('load', () => gate.promise)
    void scope.detach('audit', { deadlineMs: 60_000 }, () => gate.promise)
    await users.child({}, { label: 'step' }, async () => {
      ready.resolve()
      await gate.promise
    })
  })
  const second = users.run({ ...bob, tenantId: 'acme' }, () => gate.promise)
  await ready.promise
  const seen = inspectScopes()
  expect(seen.map(({ label, owner, lifecycle }) => [label, owner, lifecycle])).toEqual([
    ['request', '0:5:alice', 'open'],
    ['audit', '0:5:alice', 'open'],
    ['app-user', '4:acme3:bob', 'open'],
  ])
  const [request] = seen
  expect(request).toMatchObject({ tasks: ['load'], aborted: false })
  expect(request?.children.map(({ label, children }) => [label, children])).toEqual([['step', []]])
  expect(request?.ageMs).toBeGreaterThanOrEqual(0)
  expect(request?.deadline).toBeGreaterThan(Date.now())
  gate.resolve()
  await Promise.all([first, second])
  expect(inspectScopes()).toEqual([])
})
