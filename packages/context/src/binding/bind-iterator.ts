import { runtime } from '../internal/runtime.ts'
import { crossOwner, scopeClosed, stateOf } from '../internal/violation.ts'
import { sameOwner } from '../ownership/owner.ts'

/**
 * An iterator whose body runs in the scope that is current now, whoever pulls (I7). An unbound async
 * generator runs each step as whoever calls `next()`: that is how one user's agent runs as another.
 *
 * Pulling from another owner's open scope rejects with `CROSS_OWNER` before a value is produced; from the
 * owner's own scopes, or from none, it works. After the scope has closed it rejects with `SCOPE_CLOSED`.
 */
export function bindIterator<Value, Returned, Sent>(
  source: AsyncIterable<Value, Returned, Sent> | Iterable<Value, Returned, Sent>,
): AsyncIterableIterator<Value, Returned, Sent> {
  const { storage } = runtime()
  const { cell, owner } = stateOf(storage.getStore(), 'bind an iterator')
  const frame = { cell, work: 'a bound iterator' }
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()

  async function step<Result>(pull: () => Result): Promise<Awaited<Result>> {
    if (cell.state === undefined) throw scopeClosed(cell, 'pull from an iterator', frame.work)
    const caller = storage.getStore()?.cell?.state
    if (caller !== undefined && !sameOwner(caller.owner, owner)) {
      throw crossOwner(
        caller,
        'pull from an iterator',
        'Pull it in a scope of its owner; hand over values, not the iterator.',
        cell,
      )
    }
    return await storage.run(frame, pull)
  }

  return {
    next: (...sent) => step(() => iterator.next(...sent)),
    return: (value) =>
      step(
        async () => (await iterator.return?.(await value)) ?? { done: true, value: await value! },
      ),
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
