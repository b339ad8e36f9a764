import { expect, test } from 'vitest'
import { ArgumentError, currentScope, inspect, type Orphan, type Scope } from '../src/index.ts'
import { contextError, thrownBy } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { endWhatHangs, hang } from './support/hang.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

endWhatHangs()

test('detached work outlives the scope that started it, as the same user', async () => {
  const gate = deferred()
  const seen: unknown[] = []
  let detached: Promise<void> = Promise.resolve()
  const origin = await users.run({ ...alice, plan: 'pro', threadId: 't' }, (scope) => {
    detached = scope.detach('audit trail', { deadlineMs: 60_000 }, async (own) => {
      await gate.promise
      seen.push(users.current(), own.label, own.lifecycle)
      expect(currentScope()).toBe(own)
    })
    return scope
  })
  expect(origin.lifecycle).toBe('closed')
  expect(inspect().openScopes).toBe(1)
  gate.resolve()
  await detached
  expect(seen).toEqual([
    expect.objectContaining({ userId: 'alice', plan: 'pro', threadId: 't' }),
    'audit trail',
    'open',
  ])
  expect(inspect().openScopes).toBe(0)
})

test('detached work hears nothing of the abort and the deadline around it, and has its own', async () => {
  const origin = deferred<AbortSignal>()
  const error = await contextError(() =>
    users.run(alice, { deadlineMs: 60_000 }, (scope) => {
      const work = scope.detach('later', { deadlineMs: 10 }, async (own) => {
        origin.resolve(own.signal)
        expect(own.deadline).toBeLessThanOrEqual(Date.now() + 10)
        await aborted(own.signal)
        throw own.signal.reason
      })
      scope.abort(new Error('stop'))
      return work
    }),
  )
  expect(error.code).toBe('DEADLINE_EXCEEDED')
  expect((await origin.promise).reason).toBe(error)
})

test('detached work may narrow the context, not widen it', async () => {
  await users.run({ ...alice, roles: ['reader', 'writer'] }, async (scope) => {
    const context = { roles: ['reader'], runId: 'r' }
    const options = { deadlineMs: 1_000, context }
    await expect(scope.detach('narrow', options, () => users.current())).resolves.toMatchObject(
      context,
    )
    const wider = { deadlineMs: 1_000, context: { roles: ['admin'] } }
    expect(thrownBy(() => scope.detach('wide', wider, () => 1))).toMatchObject({
      code: 'INVALID_CONTEXT',
    })
  })
})

test('detached work without a deadline is refused; Infinity says so on purpose', async () => {
  await users.run(alice, async (scope) => {
    expect(() => scope.detach('for ever', untyped({}), () => 1)).toThrow(
      new ArgumentError(
        'Expected `deadlineMs` of detach "for ever" to be set: nothing else would end it. Infinity says so on purpose',
      ),
    )
    await scope.detach('for ever', { deadlineMs: Infinity }, (own) =>
      expect(own.deadline).toBeUndefined(),
    )
  })
  expect(inspect().openScopes).toBe(0)
})

test('a failure of detached work that nobody awaits ends neither the scope nor the process', async () => {
  const run = users.run(alice, (scope) => {
    void scope.detach('fails', { deadlineMs: 1_000 }, () => Promise.reject(new Error('alone')))
    return 'fine'
  })
  await expect(run).resolves.toBe('fine')
  await nextTurn()
})

test('detached work that hangs is reported to the listener around it', async () => {
  const orphans: Orphan[] = []
  await users.run(alice, { onOrphan: (orphan) => orphans.push(orphan) }, async (scope) => {
    const detached = scope.detach('hangs', { deadlineMs: 5, closeBudgetMs: 0 }, hang)
    await expect(detached).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })
  expect(orphans.map(({ label }) => label)).toEqual(['hangs'])
})

test('detached work starts a root: it does not keep the other scope’s objects alive or usable', async () => {
  let origin: Scope | undefined
  await users.run(alice, async (scope) => {
    origin = scope
    await scope.detach('child of nobody', { deadlineMs: 1_000 }, async (own) => {
      expect(own.id).not.toBe(scope.id)
      await expect(scope.child({}, {}, () => 1)).resolves.toBe(1)
    })
  })
  expect(() => origin?.context).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }))
})
