import DataLoader from 'dataloader'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bindDataLoader, type BatchLoad } from '../../src/adapters/index.ts'
import { inspect } from '../../src/index.ts'
import { caught, contextError, thrownBy } from '../support/caught.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { alice, bob, users } from '../support/users.ts'

const current = (): string => users.tryCurrent()?.userId ?? 'nobody'

/** Loads each key as `<key> for <user>`, and notes every batch with the user it ran as. */
function recorded(): { batches: string[]; load: BatchLoad<string, string> } {
  const batches: string[] = []
  return {
    batches,
    load: async (keys) => {
      batches.push(`${keys.join()} as ${current()}`)
      await nextTurn()
      return keys.map((key) => `${key} for ${current()}`)
    },
  }
}

/** Both ask in the same turn; Alice’s scope ends last. */
async function askBoth(load: (key: string) => Promise<string>): Promise<string[]> {
  const bobDone = deferred()
  const first = users.run(alice, async () => {
    const mine = await load('a')
    await bobDone.promise
    return mine
  })
  const second = await users.run(bob, () => load('b'))
  bobDone.resolve()
  return [await first, second]
}

test('without the adapter, a shared loader loads Bob’s key in Alice’s batch, as Alice', async () => {
  const { batches, load } = recorded()
  const loader = new DataLoader(load)
  await expect(askBoth((key) => loader.load(key))).resolves.toEqual(['a for alice', 'b for alice'])
  expect(batches).toEqual(['a,b as alice'])
  // And what it once loaded for Alice it gives to Bob.
  await users.run(bob, () => expect(loader.load('a')).resolves.toBe('a for alice'))
  expect(batches).toHaveLength(1)
})

test('with it, batches are split by user and run as that user', async () => {
  const { batches, load } = recorded()
  const loader = bindDataLoader((batch) => new DataLoader<string, string>(batch), load)
  await expect(askBoth((key) => loader.load(key))).resolves.toEqual(['a for alice', 'b for bob'])
  expect(batches.toSorted()).toEqual(['a as alice', 'b as bob'])
  await users.run(bob, () => expect(loader.load('a')).resolves.toBe('a for bob'))
})

test('within a scope it batches and remembers as DataLoader does', async () => {
  const { batches, load } = recorded()
  const loader = bindDataLoader((batch) => new DataLoader<string, string>(batch), load)
  await users.run(alice, async () => {
    await expect(Promise.all([loader.load('a'), loader.loadMany(['b', 'a'])])).resolves.toEqual([
      'a for alice',
      ['b for alice', 'a for alice'],
    ])
    expect(batches).toEqual(['a,b as alice'])
    loader.clear('a')
    loader.prime('c', 'primed')
    await expect(loader.loadMany(['a', 'b', 'c'])).resolves.toEqual([
      'a for alice',
      'b for alice',
      'primed',
    ])
    expect(batches).toEqual(['a,b as alice', 'a as alice'])
    loader.clearAll()
    await loader.load('c')
    expect(batches.at(-1)).toBe('c as alice')
  })
})

test('however many users interleave, each gets what was loaded for them', async () => {
  const ask = fc.record({ key: fc.constantFrom('a', 'b', 'c'), turn: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(ask, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 }),
      async (all) => {
        const { batches, load } = recorded()
        const loader = bindDataLoader((batch) => new DataLoader<string, string>(batch), load)
        const others = deferred()
        const request = (asks: (typeof all)[number], index: number): Promise<void> =>
          users.run({ userId: `user-${index}` }, async () => {
            for (const { key, turn } of asks) {
              const value = loader.load(key)
              if (turn) await nextTurn()
              expect(await value).toBe(`${key} for user-${index}`)
            }
            if (index === 0) await others.promise
          })
        const [first, ...rest] = all.map(request)
        await Promise.all(rest)
        others.resolve()
        await first
        expect(batches.length).toBeGreaterThanOrEqual(all.length)
      },
    ),
    { numRuns: 30 },
  )
  expect(inspect().openScopes).toBe(0)
})

test('failures reach who awaits them, each key its own; one that nobody awaited fails the scope', async () => {
  const loader = bindDataLoader<string, string>(
    (batch) => new DataLoader(batch),
    async (keys) => keys.map((key) => (key === 'bad' ? new RangeError('mine') : key)),
  )
  await users.run(alice, async () => {
    await expect(loader.load('bad')).rejects.toThrow('mine')
    await expect(loader.loadMany(['good', 'bad'])).resolves.toEqual([
      'good',
      new RangeError('mine'),
    ])
  })
  await expect(users.run(alice, () => void loader.load('bad'))).rejects.toThrow('mine')
})

test('a loader that starts its batch after the scope has ended is refused', async () => {
  let dispatch: () => void = () => undefined
  const { batches, load } = recorded()
  const loader = bindDataLoader(
    (batch) =>
      new DataLoader<string, string>(batch, {
        batchScheduleFn: (callback) => (dispatch = callback),
      }),
    load,
  )
  const error = await caught(() =>
    users.run(alice, { closeBudgetMs: 0 }, async (scope) => {
      const value = loader.load('a')
      scope.abort(new Error('left'))
      await value
    }),
  )
  expect(error).toMatchObject({ message: 'left' })
  await users.run(bob, async () => dispatch())
  await nextTurn()
  expect(batches).toEqual([])
})

test('outside a scope, and in a closing one, there is no loader', async () => {
  const loader = bindDataLoader((batch) => new DataLoader<string, string>(batch), recorded().load)
  for (const use of [
    () => loader.load('a'),
    () => loader.loadMany(['a']),
    () => loader.clear('a'),
    () => loader.clearAll(),
    () => loader.prime('a', 'b'),
  ]) {
    expect(thrownBy(use)).toMatchObject({ code: 'NO_SCOPE' })
  }
  const error = await contextError(() =>
    users.run(alice, (scope) => scope.defer(() => loader.load('a'))),
  )
  expect(error.code).toBe('SCOPE_CLOSING')
})
