import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bind, createVariable, currentScope, runOutside, tryCurrentScope } from '../src/index.ts'
import { contextError, thrownBy } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

describe('as AsyncContext.Variable', () => {
  test('get returns the default where nothing set a value, and undefined without one', () => {
    expect(createVariable({ defaultValue: 1 }).get()).toBe(1)
    expect(createVariable<number>().get()).toBeUndefined()
  })

  test('the name is what was given, and empty where nothing was', () => {
    expect(createVariable({ name: 'trace' }).name).toBe('trace')
    expect(createVariable().name).toBe('')
    expect(() => createVariable({ name: untyped<string>(1) })).toThrow(TypeError)
  })

  test('run hands its arguments on, returns what the callback returns, and throws what it throws', () => {
    const variable = createVariable<string>()
    expect(
      variable.run('set', (one: number, two: number) => [variable.get(), one, two], 1, 2),
    ).toEqual(['set', 1, 2])
    const error = new Error('mine')
    const fails = (): never => {
      throw error
    }
    expect(thrownBy(() => variable.run('set', fails))).toBe(error)
    expect(variable.get()).toBeUndefined()
  })

  test('an inner run shadows the outer one, and the outer value is back afterwards', () => {
    const variable = createVariable({ defaultValue: 'default' })
    variable.run('outer', () => {
      expect(variable.run('inner', () => variable.get())).toBe('inner')
      expect(variable.get()).toBe('outer')
    })
    expect(variable.get()).toBe('default')
  })

  test('a value that is undefined is a value, not an absence', () => {
    const variable = createVariable<string | undefined>({ defaultValue: 'default' })
    expect(variable.run(undefined, () => variable.get())).toBeUndefined()
  })

  test('variables are independent of each other', () => {
    const one = createVariable({ defaultValue: 1 })
    const two = createVariable({ defaultValue: 2 })
    one.run(10, () => two.run(20, () => expect([one.get(), two.get()]).toEqual([10, 20])))
    one.run(10, () => expect([one.get(), two.get()]).toEqual([10, 2]))
  })

  test('the value is kept over awaits, promises, microtasks and timers, and ends with the run', async () => {
    const variable = createVariable<string>()
    const seen = await variable.run('mine', async () => {
      const values = [variable.get()]
      await Promise.resolve()
      values.push(variable.get())
      values.push(await new Promise((resolve) => queueMicrotask(() => resolve(variable.get()))))
      values.push(await new Promise((resolve) => setTimeout(() => resolve(variable.get()), 0)))
      return values
    })
    expect(seen).toEqual(['mine', 'mine', 'mine', 'mine'])
    expect(variable.get()).toBeUndefined()
  })

  test('interleaved flows never see each other, and the first to begin ends last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5), { minLength: 2, maxLength: 8 }), async (steps) => {
        const variable = createVariable<number>()
        const rest = deferred()
        const flow = async (mine: number, count: number): Promise<void> => {
          for (let step = 0; step < count; step += 1) {
            expect(variable.get()).toBe(mine)
            await (step % 2 === 0 ? Promise.resolve() : nextTurn())
          }
          expect(variable.get()).toBe(mine)
        }
        const first = variable.run(-1, async () => {
          await rest.promise
          await flow(-1, 2)
        })
        await Promise.all(steps.map((count, mine) => variable.run(mine, flow, mine, count)))
        rest.resolve()
        await first
      }),
      { numRuns: 30 },
    )
  })

  test('a snapshot reads a variable that was set later as unset', async () => {
    const early = createVariable<string>()
    await early.run('early', () =>
      users.run(alice, async () => {
        const later = createVariable({ defaultValue: 'unset' })
        const snapshot = bind((read: () => unknown) => read())
        later.run('later', () => {
          expect(snapshot(() => later.get())).toBe('unset')
          expect(snapshot(() => early.get())).toBe('early')
        })
      }),
    )
  })

  test('a snapshot reads what it captured, not what its caller set', async () => {
    const variable = createVariable<string>()
    await users.run(alice, async () => {
      const snapshot = variable.run('captured', () => bind(() => variable.get()))
      expect(variable.run('of the caller', () => snapshot())).toBe('captured')
    })
  })
})

describe('beside scopes', () => {
  test('a scope keeps the variables of the code that opened it, and so do its children and tasks', async () => {
    const variable = createVariable<string>()
    await variable.run('outside', () =>
      users.run(alice, async (scope) => {
        expect(variable.get()).toBe('outside')
        await users.child({ threadId: 't' }, () => expect(variable.get()).toBe('outside'))
        await variable.run('inside', () =>
          scope.spawn('task', () => expect(variable.get()).toBe('inside')),
        )
        await scope.detach('later', { deadlineMs: 1_000 }, () =>
          expect(variable.get()).toBe('outside'),
        )
        scope.defer(() => expect(variable.get()).toBe('outside'))
      }),
    )
    expect.assertions(5)
  })

  test('setting a variable neither opens nor leaves a scope', async () => {
    const variable = createVariable<string>()
    expect(await contextError(() => variable.run('set', () => currentScope()))).toMatchObject({
      code: 'NO_SCOPE',
    })
    await users.run(alice, (scope) => {
      expect(variable.run('set', () => currentScope())).toBe(scope)
      expect(variable.run('set', () => users.current().userId)).toBe('alice')
    })
  })

  test('runOutside clears the variables with the scope', async () => {
    const variable = createVariable({ defaultValue: 'default' })
    await variable.run('of alice', () =>
      users.run(alice, () => {
        runOutside(() => {
          expect(tryCurrentScope()).toBeUndefined()
          expect(variable.get()).toBe('default')
        })
        expect(variable.get()).toBe('of alice')
      }),
    )
  })

  test('an orphan is reported where no variable is set', async () => {
    const variable = createVariable({ defaultValue: 'default' })
    const hangs = deferred()
    const told: string[] = []
    const run = variable.run('of alice', () =>
      users.run(
        alice,
        { closeBudgetMs: 0, onOrphan: () => void told.push(variable.get()) },
        (scope) => {
          void scope.spawn('hangs', () => hangs.promise).catch(() => undefined)
          scope.abort(new Error('stop'))
        },
      ),
    )
    await run.catch(() => undefined)
    hangs.resolve()
    expect(told).toEqual(['default'])
  })

  test('two users at once see their own variables', async () => {
    const variable = createVariable<string>()
    const both = [alice, bob].map(({ userId }) =>
      variable.run(userId, () =>
        users.run({ userId }, async () => {
          await nextTurn()
          return [users.current().userId, variable.get()]
        }),
      ),
    )
    expect(await Promise.all(both)).toEqual([
      ['alice', 'alice'],
      ['bob', 'bob'],
    ])
  })

  test('a hundred thousand nested runs of one variable hold one value', async () => {
    const variable = createVariable({ defaultValue: 0 })
    let depth = 0
    const next = (): Promise<void> =>
      depth === 100_000
        ? Promise.resolve()
        : Promise.resolve().then(() => variable.run((depth += 1), next))
    // Each step starts in the frame of the one before; an unbounded chain would not fit.
    await next()
    expect(depth).toBe(100_000)
  })
})
