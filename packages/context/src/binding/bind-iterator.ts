import { checkIterable } from '../internal/argument.ts'
import { takeHome, type Home } from '../internal/home.ts'

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

  return new BoundIterator(home, iterator)
}

class BoundIterator<Value, Returned, Sent> implements AsyncIterableIterator<Value, Returned, Sent> {
  readonly #home: Home
  readonly #iterator: AsyncIterator<Value, Returned, Sent>

  constructor(home: Home, iterator: AsyncIterator<Value, Returned, Sent>) {
    this.#home = home
    this.#iterator = iterator
  }

  next(...sent: [] | [Sent]): Promise<IteratorResult<Value, Returned>> {
    return this.#pull(() => this.#iterator.next(...sent))
  }

  return(value?: Returned | PromiseLike<Returned>): Promise<IteratorResult<Value, Returned>> {
    return this.#pull(async () => {
      const returned = await value
      return (await this.#iterator.return?.(returned)) ?? { done: true, value: returned! }
    })
  }

  throw(error?: unknown): Promise<IteratorResult<Value, Returned>> {
    return this.#pull(async () => {
      if (this.#iterator.throw === undefined) throw error
      return this.#iterator.throw(error)
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** What is no promise yet becomes one at home: a thenable may be what does the work. */
  #pull<Result>(step: () => Promise<Result>): Promise<Result> {
    try {
      return this.#home.pull('pull from an iterator', () => Promise.resolve(step()))
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

/** A synchronous source as an asynchronous one, with its promises awaited, as `for await` does. */
async function* awaitEach<Value, Returned, Sent>(
  source: Iterable<Value, Returned, Sent>,
): AsyncGenerator<Value, Returned, Sent> {
  return yield* source
}
