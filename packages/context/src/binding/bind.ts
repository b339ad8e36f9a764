import { bindCallback } from './bind-callback.ts'
import { bindIterator } from './bind-iterator.ts'

/** Brings callbacks home: `bind(fn)` for functions, `bind.iterator(source)` for iterators. */
export interface Bind {
  <This, Arguments extends unknown[], Result>(
    callback: (this: This, ...parameters: Arguments) => Result,
  ): (this: This, ...parameters: Arguments) => Result

  iterator<Value, Returned, Sent>(
    source: AsyncIterable<Value, Returned, Sent> | Iterable<Value, Returned, Sent>,
  ): AsyncIterableIterator<Value, Returned, Sent>
}

/**
 * Ties what is called later, by whoever, to the scope that is current now (I7).
 *
 * @example
 * socket.on('message', bind((data) => save(users.current().userId, data)))
 */
export const bind: Bind = /* @__PURE__ */ Object.assign(bindCallback, { iterator: bindIterator })
