import { expect, test } from 'vitest'
import { ArgumentError, inspect, type Scope } from '../src/index.ts'
import { caught, thrownBy } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { LazyQuery } from './support/lazy-query.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

test('a scope goes from open to closing to closed, each once', async () => {
  const seen: string[] = []
  const kept: Scope[] = []
  const before = inspect().openScopes
  await users.run(alice, (scope) => {
    kept.push(scope)
    seen.push(scope.lifecycle, `${inspect().openScopes - before} open`)
    scope.defer(() => seen.push(scope.lifecycle, `${inspect().openScopes - before} open`))
  })
  seen.push(...kept.map(({ lifecycle }) => lifecycle), `${inspect().openScopes - before} open`)
  expect(seen).toEqual(['open', '1 open', 'closing', '1 open', 'closed', '0 open'])
})

test.each([
  ['a callback', () => 1],
  ['a callback that throws', () => Promise.reject(new Error('no'))],
])('%s is followed by one close, whatever else tries to end the scope', async (_what, body) => {
  const before = inspect().openScopes
  let cleanups = 0
  const controller = new AbortController()
  const ended = users.run(alice, { deadlineMs: 5, signal: controller.signal }, async (scope) => {
    scope.defer(async () => {
      cleanups += 1
      scope.abort(new Error('again'))
      controller.abort(new Error('and again'))
      await new Promise((resolve) => setTimeout(resolve, 10))
    })
    return body()
  })
  await ended.catch(() => undefined)
  expect(cleanups).toBe(1)
  expect(inspect().openScopes).toBe(before)
})

// origins: UEC-13 AIF-14
test('cleanups run last in, first out, each awaited, in the scope', async () => {
  const order: string[] = []
  await users.run(alice, async (scope) => {
    scope.defer(() => order.push(`first, ${users.current().userId}`))
    scope.defer(async () => {
      await nextTurn()
      order.push(`second, ${users.current().userId}`)
    })
    scope.defer(() => order.push(`third, ${users.current().userId}`))
    order.push('callback')
  })
  expect(order).toEqual(['callback', 'third, alice', 'second, alice', 'first, alice'])
})

// origins: AIF-14 UEC-11
test('cleanups also run when the callback throws, and when the scope is aborted', async () => {
  let cleanups = 0
  const count = (): void => {
    cleanups += 1
  }
  await caught(() =>
    users.run(alice, (scope) => {
      scope.defer(count)
      throw new Error('no')
    }),
  )
  await users.run(alice, (scope) => {
    scope.defer(count)
    scope.abort(new Error('stop'))
  })
  expect(cleanups).toBe(2)
})

test('a cleanup gets a signal of its own, fresh although the scope was aborted', async () => {
  const seen: boolean[] = []
  await users.run(alice, (scope) => {
    scope.abort(new Error('stop'))
    scope.defer((signal) => seen.push(scope.signal.aborted, signal.aborted))
  })
  expect(seen).toEqual([true, false])
})

// origins: UEC-13 UEC-16 AIF-13
test('every cleanup runs although others throw, and every error can be reached', async () => {
  const ran: number[] = []
  const fail =
    (number: number, asynchronous = false) =>
    (): unknown => {
      ran.push(number)
      if (asynchronous) return Promise.reject(new Error(`cleanup ${number}`))
      throw new Error(`cleanup ${number}`)
    }
  const error = await caught(() =>
    users.run(alice, (scope) => {
      scope.defer(fail(1))
      scope.defer(fail(2, true))
      scope.defer(fail(3))
      throw new Error('callback')
    }),
  )
  expect(ran).toEqual([3, 2, 1])
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({
    name: 'SuppressedError',
    error: new Error('cleanup 1'),
    suppressed: {
      name: 'SuppressedError',
      error: new Error('cleanup 2'),
      suppressed: {
        name: 'SuppressedError',
        error: new Error('cleanup 3'),
        suppressed: new Error('callback'),
      },
    },
  })
})

test('one failing cleanup after a callback that went well is the error itself', async () => {
  const error = new Error('release')
  const run = users.run(alice, (scope) => {
    scope.defer(() => Promise.reject(error))
    return 'lost'
  })
  await expect(run).rejects.toBe(error)
})

test('a cleanup that returns a lazy thenable has it started, in the scope', async () => {
  const seen: string[] = []
  await users.run(alice, async (scope) => {
    await nextTurn()
    scope.defer(() => new LazyQuery(() => seen.push(users.current().userId)))
  })
  expect(seen).toEqual(['alice'])
})

test('a cleanup that was called instead of handed over is refused at once', async () => {
  await users.run(alice, (scope) => {
    expect(() => scope.defer(untyped(Promise.resolve()))).toThrow(
      new ArgumentError('Expected `cleanup` of defer() to be a function, got object'),
    )
  })
  expect.assertions(1)
})

test('while a scope closes reading works, and nothing new starts', async () => {
  const seen: unknown[] = []
  await users.run(alice, (scope) => {
    scope.defer(() => {
      seen.push(
        users.current().userId,
        scope.owner.userId,
        scope.signal.aborted,
        thrownBy(() => scope.spawn('late', () => 1)),
        thrownBy(() => scope.defer(() => 1)),
        thrownBy(() => scope.detach('late', { deadlineMs: 1 }, () => 1)),
      )
    })
  })
  const closing = expect.objectContaining({ code: 'SCOPE_CLOSING' })
  expect(seen).toEqual(['alice', 'alice', true, closing, closing, closing])
})

test('a cleanup that overruns the budget is an orphan; the ones after it still run', async () => {
  const never = deferred()
  const orphans: string[] = []
  const order: string[] = []
  let user: string | undefined
  const before = inspect().orphans
  await users.run(
    alice,
    { cleanupBudgetMs: 5, onOrphan: ({ label }) => orphans.push(label) },
    (scope) => {
      scope.defer(() => order.push('first'))
      scope.defer((signal) => {
        signal.addEventListener('abort', () => {
          user = users.tryCurrent()?.userId
          order.push(`told: ${String(signal.reason?.name)}`)
        })
        return never.promise
      })
    },
  )
  expect(order).toEqual(['told: TimeoutError', 'first'])
  expect(user).toBe('alice')
  expect(orphans).toEqual(['cleanup'])
  expect(inspect().orphans).toBe(before + 1)
  never.reject(new Error('nobody cares any more'))
  await nextTurn()
  expect(inspect().orphans).toBe(before)
})

test('the signal aborts when the scope closes, with a reason that says so', async () => {
  const signals: AbortSignal[] = []
  await users.run(alice, (scope) => {
    signals.push(scope.signal)
    expect(scope.signal.aborted).toBe(false)
  })
  await users.run(alice, (scope) => {
    // Asked for only while the scope closes: it must not look as if there were time.
    scope.defer(() => signals.push(scope.signal))
  })
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  expect(signals[0]?.reason).toMatchObject({ name: 'AbortError', message: 'The scope has closed' })
})

test('the signal of a scope whose callback failed aborts with that error', async () => {
  const error = new Error('no')
  const signals: AbortSignal[] = []
  const run = users.run(alice, (scope) => {
    signals.push(scope.signal)
    throw error
  })
  await expect(run).rejects.toBe(error)
  expect(signals[0]?.reason).toBe(error)
})

test('nothing can be written on the reason that all users’ signals share', async () => {
  const reason: unknown = await users
    .run(alice, (scope) => scope.signal)
    .then((signal) => signal.reason)
  expect(() => Object.assign(Object(reason), { secret: 'alice’s' })).toThrow(TypeError)
})

test('after the end only id, label and lifecycle of a scope work', async () => {
  const scope = await users.run(alice, { label: 'ended' }, (opened) => opened)
  expect(scope).toMatchObject({ label: 'ended', lifecycle: 'closed', id: expect.any(String) })
  for (const use of [
    () => scope.owner,
    () => scope.context,
    () => scope.signal,
    () => scope.deadline,
    () => scope.defer(() => 1),
    () => scope.spawn('late', () => 1),
    () => scope.detach('late', { deadlineMs: 1 }, () => 1),
    () => scope.abort(new Error('late')),
  ]) {
    expect(thrownBy(use)).toMatchObject({ code: 'SCOPE_CLOSED', scopeId: scope.id })
  }
  await expect(scope.child({}, {}, () => 1)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
})

// origins: UEC-14
test('a scope shows nothing of its user when it is printed', async () => {
  await users.run({ userId: 'canary-user' }, (scope) => {
    expect(JSON.stringify(scope)).toBe('{}')
    expect(Object.keys(scope)).toEqual([])
  })
})

test('ids differ for all scopes of the process', async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, () => users.run(alice, ({ id }) => id)))
  expect(new Set(ids).size).toBe(100)
})
