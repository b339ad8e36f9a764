import type { AsyncLocalStorage } from 'node:async_hooks'
import { runtime } from '../internal/runtime.ts'

/**
 * Takes a foreign AsyncLocalStorage (a transaction's, a trace's) along: from now on, whatever is bound comes
 * home to the value that storage had where it was bound, too (I7). Returns how to stop. Each adopted storage
 * costs something at every binding; adopt those that matter, once, at start-up.
 *
 * @example
 * const release = adopt(transactionStorage)
 */
export function adopt<Store>(storage: AsyncLocalStorage<Store>): () => void {
  const { adopted, storage: own } = runtime()
  if (typeof storage?.getStore !== 'function' || typeof storage.run !== 'function') {
    throw new TypeError('Expected an AsyncLocalStorage to adopt')
  }
  if (Object.is(storage, own)) {
    throw new TypeError(
      'Cannot adopt the AsyncLocalStorage of Ringfence itself: it always comes along',
    )
  }
  // What is put back into a storage is what was read from that very storage.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const foreign = storage as AsyncLocalStorage<unknown>
  adopted.add(foreign)
  return () => {
    adopted.delete(foreign)
  }
}
