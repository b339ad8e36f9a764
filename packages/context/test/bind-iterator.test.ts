import { expect, test } from 'vitest'
import { bind, currentScope, runOutside } from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { alice, bob, users } from './support/users.ts'

/** Keeps a scope open around what `make` returns, until `close` is called. */
async function held<Value>(
  context: { userId: string },
  make: () => Value,
): Promise<{ value: Value; close: () => Promise<void> }> {
  const gate = deferred()
  const made = deferred<Value>()
  const run = users.run(context, async () => {
    made.resolve(make())
    await gate.promise
  })
  const value = await made.promise
  return {
    value,
    close: () => {
      gate.resolve()
      return run
    },
  }
}

async function all<Value>(source: AsyncIterable<Value>): Promise<Value[]> {
  const values: Value[] = []
  for await (const value of source) values.push(value)
  return values
}

const log: string[] = []
const note = (what: string): number => log.push(`${what} as ${users.tryCurrent()?.userId}`)

async function* conversation(): AsyncGenerator<string, string, string> {
  try {
    note('start')
    let said = yield 'first'
    note(said)
    await nextTurn()
    note('after an await')
    said = yield 'second'
    note(said)
    return 'end'
  } catch (error) {
    note(`catch ${String(error)}`)
    return 'caught'
  } finally {
    await nextTurn()
    note('finally')
  }
}

test('every step of a bound generator runs in the scope that bound it: pulled from no scope', async () => {
  log.length = 0
  const { value: iterator, close } = await held(alice, () => bind.iterator(conversation()))
  expect(await iterator.next('ignored')).toEqual({ done: false, value: 'first' })
  expect(await iterator.next('one')).toEqual({ done: false, value: 'second' })
  expect(await iterator.next('two')).toEqual({ done: true, value: 'end' })
  await close()
  expect(log).toEqual([
    'start as alice',
    'one as alice',
    'after an await as alice',
    'two as alice',
    'finally as alice',
  ])
})

test('pulled from the owner’s other scope it still runs in the one that bound it', async () => {
  const { value, close } = await held({ ...alice }, () => {
    const scope = currentScope()
    const iterator = bind.iterator(
      (async function* ids(): AsyncGenerator<string> {
        yield currentScope().id
      })(),
    )
    return { scope, iterator }
  })
  const seen = await users.run(alice, () => all(value.iterator))
  expect(seen).toEqual([value.scope.id])
  await close()
})

test('return runs the finally block in the scope that bound it', async () => {
  log.length = 0
  const { value: iterator, close } = await held(alice, () => bind.iterator(conversation()))
  expect(await iterator.next('ignored')).toEqual({ done: false, value: 'first' })
  expect(await iterator.return?.('enough')).toEqual({ done: true, value: 'enough' })
  expect(log).toEqual(['start as alice', 'finally as alice'])
  expect(await iterator.next('more')).toEqual({ done: true, value: undefined })
  await close()
})

test('leaving a loop over a bound iterator runs the finally block in the scope that bound it', async () => {
  log.length = 0
  async function* endless(): AsyncGenerator<number> {
    try {
      for (let number = 0; ; number += 1) yield number
    } finally {
      note('finally')
    }
  }
  const { value: iterator, close } = await held(alice, () => bind.iterator(endless()))
  for await (const number of iterator) if (number === 2) break
  expect(log).toEqual(['finally as alice'])
  await close()
})

test('throw is caught in the scope that bound it', async () => {
  log.length = 0
  const { value: iterator, close } = await held(alice, () => bind.iterator(conversation()))
  await iterator.next('ignored')
  expect(await iterator.throw?.('oops')).toEqual({ done: true, value: 'caught' })
  expect(log).toEqual(['start as alice', 'catch oops as alice', 'finally as alice'])
  await close()
})

test('another owner’s scope cannot pull: CROSS_OWNER, before a value is produced', async () => {
  log.length = 0
  const { value: iterator, close } = await held(alice, () => bind.iterator(conversation()))
  await users.run(bob, async () => {
    for (const pull of [
      iterator.next('mine'),
      iterator.return?.('mine'),
      iterator.throw?.(new Error('mine')),
    ]) {
      await expect(pull).rejects.toMatchObject({ code: 'CROSS_OWNER' })
    }
  })
  expect(log).toEqual([])
  expect(await iterator.next('ignored')).toEqual({ done: false, value: 'first' })
  await close()
})

test('after the scope has closed pulling rejects with SCOPE_CLOSED', async () => {
  const { value: iterator, close } = await held(alice, () => bind.iterator(conversation()))
  await iterator.next('ignored')
  await close()
  for (const pull of [iterator.next('late'), iterator.return?.('late'), iterator.throw?.('late')]) {
    await expect(pull).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  }
})

test('a synchronous source works too, with its promises awaited', async () => {
  await users.run(alice, async () => {
    expect(await all(bind.iterator([1, 2]))).toEqual([1, 2])
    expect(await all(bind.iterator([Promise.resolve('later')]))).toEqual(['later'])
    const generator = (function* ids(): Generator<string> {
      yield users.current().userId
    })()
    const iterator = bind.iterator(generator)
    expect(await runOutside(() => iterator.next())).toEqual({ done: false, value: 'alice' })
  })
})

test('a source without return and throw is left as it is', async () => {
  await users.run(alice, async () => {
    const numbers = {
      [Symbol.asyncIterator]: (): AsyncIterator<number> => ({
        next: () => Promise.resolve({ done: false, value: 1 }),
      }),
    }
    const iterator = bind.iterator(numbers)
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    expect(await iterator.return?.(Promise.resolve(7))).toEqual({ done: true, value: 7 })
    await expect(iterator.throw?.(new Error('mine'))).rejects.toThrow('mine')
  })
})

test('steps that are asked for at once are answered in order', async () => {
  await users.run(alice, async () => {
    async function* count(): AsyncGenerator<number> {
      for (let number = 1; number <= 3; number += 1) {
        await nextTurn()
        yield number
      }
    }
    const iterator = bind.iterator(count())
    const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()])
    expect(steps.map(({ value }) => Number(value))).toEqual([1, 2, 3])
  })
})

test('outside every scope there is nothing to bind an iterator to', () => {
  expect(() => bind.iterator([1])).toThrow(expect.objectContaining({ code: 'NO_SCOPE' }))
})

test('work that outlived another scope cannot pull: whose that was, nobody knows any more', async () => {
  const { value, close } = await held(alice, () => ({
    iterator: bind.iterator(['hers']),
    stream: bind.stream<string>({ pull: (controller) => controller.enqueue('hers') }),
  }))
  for (const user of [alice, bob]) {
    const ended = deferred()
    const late = await users.run(user, () => ({
      outcome: ended.promise.then(() =>
        Promise.all([
          contextError(() => value.iterator.next()),
          contextError(() => value.stream.getReader().read()),
        ]),
      ),
    }))
    ended.resolve()
    expect((await late.outcome).map(({ code }) => code)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
  }
  expect(await runOutside(() => value.iterator.next())).toEqual({ done: false, value: 'hers' })
  await close()
})
