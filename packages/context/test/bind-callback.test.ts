import { expect, test } from 'vitest'
import { bind, currentScope, runOutside, tryCurrentScope } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

test('a bound function runs in the scope that bound it, whoever calls it', async () => {
  const gate = deferred()
  const bound = deferred<() => string>()
  const run = users.run(alice, async () => {
    bound.resolve(bind(() => users.current().userId))
    await gate.promise
  })
  const callback = await bound.promise
  expect(callback()).toBe('alice')
  await users.run(bob, async () => {
    expect(callback()).toBe('alice')
    expect(users.current().userId).toBe('bob')
  })
  gate.resolve()
  await run
})

test('a bound asynchronous function stays in its scope through its awaits', async () => {
  await users.run(alice, async (scope) => {
    const callback = bind(async () => {
      await nextTurn()
      return currentScope()
    })
    await expect(runOutside(callback)).resolves.toBe(scope)
  })
})

test('this, arguments, result, length and name are those of the original', () => {
  users.runSync(alice, () => {
    const counter = {
      count: 1,
      add: bind(function add(this: { count: number }, one: number, two: number): number {
        return this.count + one + two
      }),
    }
    expect(counter.add(2, 3)).toBe(6)
    expect(counter.add).toHaveLength(2)
    expect(counter.add.name).toBe('add')
    const thrown = bind(() => {
      throw new RangeError('mine')
    })
    expect(thrown).toThrow(new RangeError('mine'))
  })
})

test('two listeners of two users on one emitter each run as their own', async () => {
  const emitter = new EventTarget()
  const seen: string[] = []
  const gate = deferred()
  const listen = (context: { userId: string }): Promise<void> =>
    users.run(context, async () => {
      const listener = bind(() => seen.push(users.current().userId))
      emitter.addEventListener('tick', listener)
      await gate.promise
    })
  const runs = [listen(alice), listen(bob)]
  await users.run(bob, () => emitter.dispatchEvent(new Event('tick')))
  expect(seen).toEqual(['alice', 'bob'])
  gate.resolve()
  await Promise.all(runs)
})

test('after its scope has closed a bound function throws SCOPE_CLOSED, and does not run', async () => {
  let ran = 0
  const callback = await users.run(alice, (scope) => {
    const save = (): void => {
      ran += 1
    }
    const bound = bind(save)
    scope.defer(bound)
    return bound
  })
  expect(ran).toBe(1)
  for (const call of [callback, () => users.runSync(alice, callback)]) {
    const error = await caught(call)
    expect(error).toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(error).toHaveProperty('message', expect.stringContaining('"save"'))
  }
  expect(ran).toBe(1)
})

test('outside every scope there is nothing to bind to', () => {
  expect(() => bind(() => 1)).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
})

test('runOutside leaves the scope for its callback, and what that starts', async () => {
  await users.run(alice, async (scope) => {
    const inside = runOutside(() => {
      expect(users.tryCurrent()).toBeUndefined()
      expect(() => users.current()).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
      return nextTurn().then(() => tryCurrentScope())
    })
    expect(currentScope()).toBe(scope)
    await expect(inside).resolves.toBeUndefined()
    expect(() =>
      runOutside(() => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect(currentScope()).toBe(scope)
  })
})
