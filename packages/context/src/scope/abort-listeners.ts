import { runtime } from '../internal/runtime.ts'
import { partsOf, type AbortListener } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'

/** Registers a listener for the abort of a scope; where it is aborted, tells it now. Returns how to take it back. */
export function addAbortListener(state: ScopeState, listener: AbortListener): () => void {
  // A set tells entries by what they are, and the same function may listen twice.
  const entry: AbortListener = (reason) => listener(reason)
  if (state.aborted) {
    tell(state, entry)
    return nothing
  }
  const { cell } = state
  const listeners = (partsOf(state).abortListeners ??= new Set())
  listeners.add(entry)
  return () => {
    cell.state?.parts?.abortListeners?.delete(entry)
  }
}

/** The scope was aborted: its listeners hear of it, in its own frame (I7), and no more after that. */
export function tellAbortListeners(state: ScopeState): void {
  const { parts } = state
  const listeners = parts?.abortListeners
  if (parts === undefined || listeners === undefined) return
  parts.abortListeners = undefined
  for (const listener of listeners) tell(state, listener)
}

/** As a signal does: a listener that throws stops neither the abort nor the listener after it. */
function tell(state: ScopeState, listener: AbortListener): void {
  try {
    runtime().storage.run(state.frame, listener, state.reason)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

const nothing = (): void => undefined
