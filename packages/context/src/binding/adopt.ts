import type { AsyncLocalStorage } from 'node:async_hooks'
import { ArgumentError } from '../argument-error.ts'
import { checkMethods } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'

/**
 * Takes a foreign AsyncLocalStorage (a transaction's, a trace's) along: from now on, whatever is bound comes
 * home to the value that storage had where it was bound, too (I7). Returns how to stop: the storage is left behind
 * again when all who adopted it have stopped. Each adopted storage costs something at every binding; adopt those
 * that matter, at start-up.
 *
 * @example
 * const release = adopt(transactionStorage)
 */
export function adopt<Store>(storage: AsyncLocalStorage<Store>): () => void {
  const { adopted, storage: own } = runtime()
  checkMethods('adopt()', 'storage', storage, ['getStore', 'run'])
  if (Object.is(storage, own)) {
    throw new ArgumentError(
      'Cannot adopt the AsyncLocalStorage of Ringfence itself: it always comes along',
    )
  }
  // What is put back into a storage is what was read from that very storage.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const foreign = storage as AsyncLocalStorage<unknown>
  adopted.set(foreign, (adopted.get(foreign) ?? 0) + 1)
  let released = false
  return () => {
    if (released) return
    released = true
    const others = (adopted.get(foreign) ?? 1) - 1
    if (others === 0) adopted.delete(foreign)
    else adopted.set(foreign, others)
  }
}
