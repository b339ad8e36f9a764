import type { PendingWork, ScopeState } from '../internal/scope-state.ts'

/** Adds work that the scope must wait for. Returns how to say that it has ended. */
export function addPending(state: ScopeState, work: PendingWork): () => void {
  const pending = (state.pending ??= new Set())
  pending.add(work)
  return () => {
    pending.delete(work)
    if (pending.size === 0) state.whenIdle?.()
  }
}
