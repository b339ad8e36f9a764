import { expect, test } from 'vitest'
import { bind, runOutside } from '../../src/index.ts'
import { runAs, whoAmI } from '../support/platform.ts'
import { alice, users } from '../support/users.ts'
import { deferred, nextTurn } from '../support/deferred.ts'

test('semantics 4: two interleaved generators never see each other’s user between their yields', async () => {
  const seen: string[] = []
  async function* agent(userId: string): AsyncGenerator<string> {
    for (let turn = 0; turn < 20; turn += 1) {
      seen.push(`${userId} as ${whoAmI()}`)
      if (turn % 3 === 0) await nextTurn()
      yield userId
      seen.push(`${userId} as ${whoAmI()}`)
    }
  }
  const gate = deferred()
  const made = ['alice', 'bob'].map((userId) => {
    const iterator = deferred<AsyncIterator<string>>()
    const ended = runAs(userId, async () => {
      iterator.resolve(bind.iterator(agent(userId)))
      await gate.promise
    })
    return { iterator: iterator.promise, ended }
  })
  const iterators = await Promise.all(made.map(({ iterator }) => iterator))
  for (let turn = 0; turn < 20; turn += 1) {
    for (const iterator of iterators) {
      await iterator.next()
      // What a generator leaves behind between two yields would be seen here.
      expect(whoAmI()).toBe('nobody')
    }
  }
  gate.resolve()
  await Promise.all(made.map(({ ended }) => ended))
  expect(new Set(seen)).toEqual(new Set(['alice as alice', 'bob as bob']))
  expect(seen.length).toBe(78)
})

test('semantics 4: a generator handed to run as its callback has no scope around its yields', async () => {
  const seen: string[] = []
  function* body(): Generator<number> {
    seen.push(whoAmI())
    yield 1
    seen.push(whoAmI())
  }
  const generator = await users.run(alice, body)
  runOutside(() => [...generator])
  await runAs('bob', () => {
    const another = body()
    expect([...another]).toEqual([1])
  })
  expect(seen).toEqual(['nobody', 'nobody', 'bob', 'bob'])
})
