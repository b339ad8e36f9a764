import type { DurableEvent, UnnumberedEvent } from '../events/agent-event.ts'
import { MemoryRunStore } from './memory-run-store.ts'
import { ownerKey } from './owner-key.ts'
import type { EventBatch, NewRun, RunStore } from './run-store.ts'
import { runsInMemory } from './runs-in-memory.ts'

/**
 * What `create` does, at once and without a promise, where the store is in this process and nothing stands before its
 * method: no proxy, no subclass. False where something does; then nothing was created.
 */
export function createNow(store: RunStore, run: NewRun): boolean {
  const runs = runsInMemory(store)
  // oxlint-disable-next-line typescript/unbound-method -- compared, not called
  if (runs === undefined || store.create !== MemoryRunStore.prototype.create) return false
  runs.add(ownerKey(), run)
  return true
}

/**
 * The same for `append` to one run of the owner of the scope that asks: whoever calls it later, from whatever scope, adds
 * to that owner's run (I8). Undefined where nothing was added.
 */
export function appenderNow(
  store: RunStore,
  runId: string,
): (events: readonly UnnumberedEvent[]) => readonly DurableEvent[] | undefined {
  const owner = ownerKey()
  const runs = runsInMemory(store)
  if (runs === undefined) return () => undefined
  return (events) =>
    // oxlint-disable-next-line typescript/unbound-method -- compared, not called
    store.append === MemoryRunStore.prototype.append ? runs.append(owner, runId, events) : undefined
}

/** The same for `read`. Undefined where the store does not answer at once. */
export function readNow(
  store: RunStore,
  runId: string,
  after: number | undefined,
  limit: number,
): { readonly batch: EventBatch | undefined } | undefined {
  const runs = runsInMemory(store)
  // oxlint-disable-next-line typescript/unbound-method -- compared, not called
  if (runs === undefined || store.read !== MemoryRunStore.prototype.read) return undefined
  return { batch: runs.find(ownerKey(), runId)?.read(after, limit) }
}
