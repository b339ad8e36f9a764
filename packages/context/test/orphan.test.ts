import { expect, test } from 'vitest'
import { inspect, tryCurrentScope, type Orphan, type Scope } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { endWhatHangs, hang } from './support/hang.ts'
import { alice, users } from './support/users.ts'

endWhatHangs()

test('a callback that ignores its deadline is fenced and reported, and run rejects', async () => {
  const gate = deferred()
  const orphans: Orphan[] = []
  const late = deferred<unknown>()
  const before = inspect()
  const run = users.run(
    alice,
    {
      label: 'import',
      deadlineMs: 5,
      closeBudgetMs: 5,
      onOrphan: (orphan) => {
        expect(tryCurrentScope()).toBeUndefined()
        orphans.push(orphan)
      },
    },
    async () => {
      await gate.promise
      late.resolve(await caught(() => users.current()))
      throw new Error('nobody waits for this any more')
    },
  )
  await expect(run).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(orphans).toEqual([
    { label: 'import', scopeId: expect.any(String), ended: expect.any(Promise) },
  ])
  expect(inspect()).toMatchObject({ orphans: before.orphans + 1, openScopes: before.openScopes })
  gate.resolve()
  const error = await late.promise
  expect(error).toMatchObject({ code: 'SCOPE_CLOSED', scopeId: orphans[0]?.scopeId })
  expect(error).toHaveProperty('message', expect.stringContaining('"import"'))
  await expect(orphans[0]?.ended).resolves.toBeUndefined()
  expect(inspect().orphans).toBe(before.orphans)
})

test('a task that ignores the abort is fenced and reported under its own name', async () => {
  const gate = deferred()
  const orphans: Orphan[] = []
  const late = deferred<unknown>()
  const order: string[] = []
  const before = inspect().orphans
  const run = users.run(
    alice,
    { closeBudgetMs: 5, onOrphan: (orphan) => orphans.push(orphan) },
    (scope) => {
      scope.defer(() => order.push('cleanup'))
      void scope.spawn('slow query', async () => {
        await gate.promise
        late.resolve(await caught(() => users.current()))
      })
      throw new Error('callback')
    },
  )
  await expect(run).rejects.toEqual(new Error('callback'))
  expect(order).toEqual(['cleanup'])
  expect(orphans.map(({ label }) => label)).toEqual(['slow query'])
  expect(inspect().orphans).toBe(before + 1)
  gate.resolve()
  expect(await late.promise).toHaveProperty(
    'message',
    expect.stringContaining('The work still running is "slow query"'),
  )
  await orphans[0]?.ended
  expect(inspect().orphans).toBe(before)
})

test('a callback that ignores scope.abort() does not hold the scope open for ever', async () => {
  const reason = new Error('stop')
  const order: string[] = []
  const run = users.run(alice, { closeBudgetMs: 5 }, (scope) => {
    scope.defer(() => order.push('cleanup'))
    scope.abort(reason)
    return hang()
  })
  await expect(run).rejects.toBe(reason)
  expect(order).toEqual(['cleanup'])
})

test('a callback that uses the time it is given ends in good order', async () => {
  const orphans: Orphan[] = []
  const run = users.run(
    alice,
    { deadlineMs: 5, closeBudgetMs: 5_000, onOrphan: (orphan) => orphans.push(orphan) },
    async (scope) => {
      await aborted(scope.signal)
      await nextTurn()
      return 'rolled back'
    },
  )
  await expect(run).resolves.toBe('rolled back')
  expect(orphans).toEqual([])
})

test('a hanging child is closed before its parent: its cleanups run in its scope, then the parent’s', async () => {
  const order: string[] = []
  const orphans: string[] = []
  const kept: Scope[] = []
  const reason = new Error('stop')
  const run = users.run(
    alice,
    { closeBudgetMs: 10, onOrphan: ({ label }) => orphans.push(label) },
    async (outer) => {
      outer.defer(() => order.push('outer cleanup'))
      const child = users.child({ threadId: 't' }, { label: 'child' }, (inner) => {
        kept.push(inner)
        inner.defer(async () => {
          await nextTurn()
          order.push(`inner cleanup on thread ${users.current().threadId}`)
        })
        void inner.spawn('grandchild task', hang)
        return hang()
      })
      outer.abort(reason)
      await child
    },
  )
  await expect(run).rejects.toBe(reason)
  expect(order).toEqual(['inner cleanup on thread t', 'outer cleanup'])
  expect(orphans.toSorted()).toEqual(expect.arrayContaining(['child', 'grandchild task']))
  expect(kept.map(({ lifecycle }) => lifecycle)).toEqual(['closed'])
})

test('a child with more patience than its parent does not hold the parent up', async () => {
  const reason = new Error('stop')
  const order: string[] = []
  const run = users.run(alice, { closeBudgetMs: 5 }, (outer) => {
    void users.child({}, { closeBudgetMs: 60_000 }, (inner) => {
      inner.defer(() => order.push('inner'))
      void inner.spawn('hangs', hang)
      return hang()
    })
    outer.defer(() => order.push('outer'))
    outer.abort(reason)
    return hang()
  })
  await expect(run).rejects.toBe(reason)
  expect(order).toEqual(['inner', 'outer'])
})

test('nor does a child that was aborted earlier, with all its patience still before it', async () => {
  const order: string[] = []
  const run = users.run(alice, { closeBudgetMs: 5 }, (outer) => {
    void users.child({}, { closeBudgetMs: 60_000 }, (inner) => {
      inner.defer(() => order.push('inner'))
      inner.abort(new Error('the child alone'))
      return hang()
    })
    outer.defer(() => order.push('outer'))
    outer.abort(new Error('stop'))
    return hang()
  })
  const error = await caught(() => run)
  expect(error).toMatchObject({
    error: new Error('the child alone'),
    suppressed: new Error('stop'),
  })
  expect(order).toEqual(['inner', 'outer'])
})

test('once time is up nothing more starts in the scope, so that it ends', async () => {
  const kept = deferred<Scope>()
  const cleaning = deferred()
  const proceed = deferred()
  const run = users.run(alice, { closeBudgetMs: 5 }, (scope) => {
    kept.resolve(scope)
    void users.child({}, (inner) => {
      inner.defer(async () => {
        cleaning.resolve()
        await proceed.promise
      })
      return hang()
    })
    scope.abort(new Error('stop'))
    return hang()
  })
  const scope = await kept.promise
  await cleaning.promise
  await new Promise((resolve) => setTimeout(resolve, 10))
  users.runSync(alice, () => {
    expect(() => scope.spawn('late', hang)).toThrow(
      expect.objectContaining({ code: 'SCOPE_CLOSING' }),
    )
  })
  proceed.resolve()
  await expect(run).rejects.toEqual(new Error('stop'))
})

test('an orphan listener is inherited, and a nearer one comes first', async () => {
  const told: string[] = []
  const overrun = (): Promise<unknown> =>
    users.child({}, { label: 'inner', deadlineMs: 5, closeBudgetMs: 0 }, hang)
  await users.run(alice, { onOrphan: ({ label }) => told.push(`outer told of ${label}`) }, () =>
    caught(overrun),
  )
  await users.run(alice, { onOrphan: ({ label }) => told.push(`outer told of ${label}`) }, () =>
    users.child({}, { onOrphan: ({ label }) => told.push(`nearer told of ${label}`) }, () =>
      caught(overrun),
    ),
  )
  expect(told).toEqual(['outer told of inner', 'nearer told of inner'])
})

test('an orphan listener that throws does not keep the scope from closing, and is heard', async () => {
  const broken = new Error('broken listener')
  const order: string[] = []
  const before = inspect().openScopes
  const ofCallback = await caught(() =>
    users.run(
      alice,
      {
        deadlineMs: 5,
        closeBudgetMs: 0,
        onOrphan: () => {
          throw broken
        },
      },
      (scope) => {
        scope.defer(() => order.push('cleanup'))
        return hang()
      },
    ),
  )
  expect(ofCallback).toMatchObject({ error: broken, suppressed: { code: 'DEADLINE_EXCEEDED' } })
  const ofTask = await caught(() =>
    users.run(
      alice,
      {
        closeBudgetMs: 0,
        onOrphan: () => {
          throw broken
        },
      },
      (scope) => {
        scope.defer(() => order.push('cleanup'))
        void scope.spawn('hangs', hang)
        throw new Error('callback')
      },
    ),
  )
  expect(ofTask).toMatchObject({ error: broken, suppressed: new Error('callback') })
  const ofCleanup = await caught(() =>
    users.run(
      alice,
      {
        cleanupBudgetMs: 0,
        onOrphan: () => {
          throw broken
        },
      },
      (scope) => {
        scope.defer(() => order.push('cleanup'))
        scope.defer(hang)
      },
    ),
  )
  expect(ofCleanup).toBe(broken)
  expect(order).toEqual(['cleanup', 'cleanup', 'cleanup'])
  expect(inspect().openScopes).toBe(before)
})
