import { checkIterable } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'

/**
 * An iterator whose body runs in the scope that is current now, whoever pulls (I7). An unbound async
 * generator runs each step as whoever calls `next()`: that is how one user's agent runs as another.
 *
 * Pulling from another owner's open scope rejects with `CROSS_OWNER` before a value is produced; from the
 * owner's own scopes, or from none, it works. After the scope has closed it rejects with `SCOPE_CLOSED`, and so it does
 * in work that outlived a scope of its own.
 */
export function bindIterator<Value, Returned, Sent>(
  source: AsyncIterable<Value, Returned, Sent> | Iterable<Value, Returned, Sent>,
): AsyncIterableIterator<Value, Returned, Sent> {
  checkIterable('bind.iterator()', 'source', source)
  const home = takeHome('a bound iterator', 'bind an iterator', source)
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : awaitEach(source)

  async function step<Result>(pull: () => Promise<Result>): Promise<Result> {
    return home.pull('pull from an iterator', pull)
  }

  return {
    next: (...sent) => step(async () => iterator.next(...sent)),
    return: (value) =>
      step(async () => {
        const returned = await value
        return (await iterator.return?.(returned)) ?? { done: true, value: returned! }
      }),
    throw: (error) =>
      step(async () => {
        if (iterator.throw === undefined) throw error
        return iterator.throw(error)
      }),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** A synchronous source as an asynchronous one, with its promises awaited, as `for await` does. */
async function* awaitEach<Value, Returned, Sent>(
  source: Iterable<Value, Returned, Sent>,
): AsyncGenerator<Value, Returned, Sent> {
  return yield* source
}
