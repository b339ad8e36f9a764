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

/** The same for `append`. Undefined where nothing was added. */
export function appendNow(
  store: RunStore,
  runId: string,
  events: readonly UnnumberedEvent[],
): readonly DurableEvent[] | undefined {
  const runs = runsInMemory(store)
  // oxlint-disable-next-line typescript/unbound-method -- compared, not called
  if (runs === undefined || store.append !== MemoryRunStore.prototype.append) return undefined
  return runs.append(ownerKey(), runId, events)
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
