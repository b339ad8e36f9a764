import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { adopt, bind, runOutside } from '../src/index.ts'
import { alice, users } from './support/users.ts'

test('an adopted storage comes home with every binding', async () => {
  const transaction = new AsyncLocalStorage<string>()
  const release = adopt(transaction)
  try {
    await users.run(alice, async () => {
      const read = transaction.run('alice’s', () =>
        bind(() => [users.current().userId, transaction.getStore()]),
      )
      expect(runOutside(() => transaction.run('another', read))).toEqual(['alice', 'alice’s'])
      expect(transaction.getStore()).toBeUndefined()
    })
  } finally {
    release()
  }
})

test('iterators and streams take it along too', async () => {
  const transaction = new AsyncLocalStorage<number>()
  const release = adopt(transaction)
  try {
    await users.run(alice, async () => {
      const iterator = transaction.run(1, () =>
        bind.iterator(
          (async function* () {
            yield transaction.getStore()
          })(),
        ),
      )
      expect(await transaction.run(2, () => iterator.next())).toMatchObject({ value: 1 })
      const stream = transaction.run(3, () =>
        bind.stream<number | undefined>({
          pull: (controller) => controller.enqueue(transaction.getStore()),
        }),
      )
      const reader = stream.getReader()
      expect(await transaction.run(4, () => reader.read())).toMatchObject({ value: 3 })
      await reader.cancel()
    })
  } finally {
    release()
  }
})

test('a storage that is no longer adopted stays where it is', async () => {
  const transaction = new AsyncLocalStorage<string>()
  adopt(transaction)()
  await users.run(alice, async () => {
    const read = transaction.run('at home', () => bind(() => transaction.getStore()))
    expect(transaction.run('away', read)).toBe('away')
  })
})

test('each of two who adopted a storage stops for themselves, however often they say so', async () => {
  const transaction = new AsyncLocalStorage<string>()
  const [first, second] = [adopt(transaction), adopt(transaction)]
  const comesHome = (): Promise<boolean> =>
    users.run(alice, () => {
      const read = transaction.run('at home', () => bind(() => transaction.getStore()))
      return transaction.run('away', read) === 'at home'
    })
  first()
  first()
  expect(await comesHome()).toBe(true)
  second()
  expect(await comesHome()).toBe(false)
  const third = adopt(transaction)
  second()
  expect(await comesHome()).toBe(true)
  third()
  expect(await comesHome()).toBe(false)
})

test('what is no storage cannot be adopted', () => {
  expect(() => adopt(JSON.parse('{}'))).toThrow(TypeError)
})
