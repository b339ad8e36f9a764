import { expect, test } from 'vitest'
import { currentScope } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { LazyQuery } from './support/lazy-query.ts'
import { alice, users } from './support/users.ts'

test('spawned work runs in the scope, and gives its result', async () => {
  await users.run(alice, async (scope) => {
    const task = scope.spawn('load', async () => {
      await nextTurn()
      expect(currentScope()).toBe(scope)
      return users.current().userId
    })
    await expect(task).resolves.toBe('alice')
    await expect(scope.spawn('lazy', () => new LazyQuery(() => currentScope().id))).resolves.toBe(
      scope.id,
    )
    await expect(scope.spawn('at once', () => 1)).resolves.toBe(1)
  })
})

test('the scope waits for what it spawned before cleanups run and run resolves', async () => {
  const order: string[] = []
  const gate = deferred()
  const run = users.run(alice, (scope) => {
    scope.defer(() => order.push('cleanup'))
    void scope.spawn('slow', async () => {
      await gate.promise
      order.push(`work, ${scope.lifecycle}`)
    })
    order.push('callback')
  })
  await nextTurn()
  order.push('waiting')
  gate.resolve()
  await run
  expect(order).toEqual(['callback', 'waiting', 'work, open', 'cleanup'])
})

test('work may spawn more work while the scope waits, and that is joined too', async () => {
  const order: string[] = []
  await users.run(alice, (scope) => {
    const next = async (level: number): Promise<void> => {
      await nextTurn()
      if (level < 5) void scope.spawn(`level ${level + 1}`, () => next(level + 1))
      order.push(`level ${level}`)
    }
    void scope.spawn('level 0', () => next(0))
  })
  expect(order).toEqual(['level 0', 'level 1', 'level 2', 'level 3', 'level 4', 'level 5'])
})

test.each([0, 1, 2, 3, 4, 5, 6])(
  'work that starts %d microtasks after the last task ended is joined or refused, never an orphan',
  async (hops) => {
    const orphans: string[] = []
    const ended: string[] = []
    const late = deferred<string>()
    const gate = deferred()
    await users.run(alice, { onOrphan: ({ label }) => orphans.push(label) }, (scope) => {
      const task = scope.spawn('first', () => gate.promise)
      const follow = async (): Promise<void> => {
        await task
        for (let hop = 0; hop < hops; hop += 1) await Promise.resolve()
        void scope.spawn('second', async () => {
          await nextTurn()
          ended.push('joined')
        })
      }
      follow().then(
        () => late.resolve('joined'),
        () => late.resolve('refused'),
      )
      void nextTurn().then(gate.resolve)
    })
    const expected = await late.promise
    expect(ended).toEqual(expected === 'joined' ? ['joined'] : [])
    expect(orphans).toEqual([])
  },
)

test('work that starts in the very step that sees the last task end is joined', async () => {
  const gate = deferred()
  const order: string[] = []
  await users.run(alice, (scope) => {
    scope.defer(() => order.push('cleanup'))
    const task = scope.spawn('first', () => gate.promise)
    void task.then(() =>
      scope.spawn('second', async () => {
        await nextTurn()
        order.push('second')
      }),
    )
    void nextTurn().then(gate.resolve)
  })
  expect(order).toEqual(['second', 'cleanup'])
})

test('a failure that nobody looked at makes run reject', async () => {
  const error = new Error('nobody looked')
  for (const work of [
    () => {
      throw error
    },
    () => Promise.reject(error),
    async () => {
      await nextTurn()
      throw error
    },
  ]) {
    const run = users.run(alice, (scope) => {
      void scope.spawn('fails', work)
      return 'fine otherwise'
    })
    await expect(run).rejects.toBe(error)
  }
})

test('several such failures are all in the error', async () => {
  const error = await caught(() =>
    users.run(alice, (scope) => {
      void scope.spawn('one', () => Promise.reject(new Error('one')))
      void scope.spawn('two', () => Promise.reject(new Error('two')))
    }),
  )
  expect(error).toMatchObject({
    name: 'SuppressedError',
    error: new Error('two'),
    suppressed: new Error('one'),
  })
})

test('a failure that somebody handles later, but before the end, fails nothing either', async () => {
  const handled = await users.run(alice, async (scope) => {
    const task = scope.spawn('fails', () => Promise.reject(new Error('handled')))
    await nextTurn()
    await nextTurn()
    return task.catch(() => 'caught')
  })
  expect(handled).toBe('caught')
})

test('a failure that somebody handled fails nothing else', async () => {
  const handled = await users.run(alice, async (scope) => {
    const task = scope.spawn('fails', () => Promise.reject(new Error('handled')))
    const [settled] = await Promise.allSettled([task])
    const caughtLater = scope.spawn('fails', () => Promise.reject(new Error('too')))
    return [settled?.status, await caughtLater.catch(() => 'caught')]
  })
  expect(handled).toEqual(['rejected', 'caught'])
})

test('an awaited failure is reported once, not twice', async () => {
  const error = new Error('awaited')
  const run = users.run(alice, async (scope) => {
    await scope.spawn('fails', () => Promise.reject(error))
  })
  await expect(run).rejects.toBe(error)
})

test('when the callback fails, its tasks are aborted with its error, and joined', async () => {
  const error = new Error('callback')
  const seen: unknown[] = []
  const run = users.run(alice, (scope) => {
    void scope.spawn('waits', async (signal) => {
      await aborted(signal)
      await nextTurn()
      seen.push(signal.reason)
    })
    throw error
  })
  await expect(run).rejects.toBe(error)
  expect(seen).toEqual([error])
})

test('a task that fails because of the abort adds nothing to the error', async () => {
  const error = new Error('callback')
  const run = users.run(alice, (scope) => {
    void scope.spawn('rethrows', async (signal) => {
      await aborted(signal)
      throw signal.reason
    })
    void scope.spawn('throws an AbortError', async (signal) => {
      await aborted(signal)
      throw new DOMException('fetch was aborted', 'AbortError')
    })
    throw error
  })
  await expect(run).rejects.toBe(error)
})

test('a task that fails for another reason after the abort is not lost', async () => {
  const error = await caught(() =>
    users.run(alice, (scope) => {
      void scope.spawn('fails to roll back', async (signal) => {
        await aborted(signal)
        throw new Error('rollback')
      })
      throw new Error('callback')
    }),
  )
  expect(error).toMatchObject({
    error: new Error('rollback'),
    suppressed: new Error('callback'),
  })
})

test('an AbortError of a task is a failure like any other while nothing is aborted', async () => {
  const run = users.run(alice, (scope) => {
    void scope.spawn('gives up', () => Promise.reject(new DOMException('mine', 'AbortError')))
  })
  await expect(run).rejects.toMatchObject({ message: 'mine' })
})

test('what is derived from a task is an ordinary promise', async () => {
  await users.run(alice, async (scope) => {
    const task = scope.spawn('work', () => 1)
    const next = task.then((value) => value + 1)
    expect(next.constructor).toBe(Promise)
    expect(task).toBeInstanceOf(Promise)
    await expect(next).resolves.toBe(2)
    await expect(Promise.all([task, next])).resolves.toEqual([1, 2])
  })
})
