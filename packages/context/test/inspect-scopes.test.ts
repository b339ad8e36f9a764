import { expect, test } from 'vitest'
import { bind, inspectScopes, type ScopeInspection } from '../src/index.ts'
import { deferred } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

// origins: AIF-18 REG-3 UEC-14 UCM-2 L8
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

test('what is bound in a scope is counted among its cleanups', async () => {
  await users.run(alice, (scope) => {
    scope.defer(() => undefined)
    const clear = bind.timeout(() => undefined, 60_000)
    expect(inspectScopes()[0]?.cleanups).toBe(2)
    clear()
    expect(inspectScopes()[0]?.cleanups).toBe(1)
  })
})

test('a tree as deep as an agent’s loop is shown whole', async () => {
  const depth = 20_000
  const deepest = deferred()
  const gate = deferred()
  // Each opened in the one before, from a turn of its own: the stack stays flat.
  const nest = async (level: number): Promise<void> => {
    await Promise.resolve()
    if (level === depth) {
      deepest.resolve()
      return gate.promise
    }
    return users.child({}, () => nest(level + 1))
  }
  const run = users.run(alice, () => nest(1))
  await deepest.promise
  let levels = 0
  let scopes: readonly ScopeInspection[] = inspectScopes()
  while (scopes.length > 0) {
    levels += 1
    scopes = scopes.flatMap(({ children }) => children)
  }
  expect(levels).toBe(depth)
  gate.resolve()
  await run
})
