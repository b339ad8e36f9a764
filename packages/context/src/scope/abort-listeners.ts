import { runtime } from '../internal/runtime.ts'
import type { ScopeCell } from '../internal/scope-cell.ts'
import { partsOf, type AbortListener } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'

/** Registers a listener for the abort of a scope; where it is aborted, tells it now. Returns how to take it back. */
export function addAbortListener(state: ScopeState, listener: AbortListener): () => void {
  if (state.aborted) {
    tell(state, listener)
    return nothing
  }
  const { cell } = state
  const parts = partsOf(state)
  const listening = parts.abortListeners
  let entry: AbortListener | undefined = listener
  if (listening === undefined) {
    parts.abortListeners = entry
  } else {
    const listeners = typeof listening === 'function' ? new Set([listening]) : listening
    // A set tells entries by what they are, and the same function may listen twice.
    if (listeners.has(listener)) entry = (reason) => listener(reason)
    parts.abortListeners = listeners.add(entry)
  }
  return () => {
    if (entry !== undefined) forget(cell, entry)
    entry = undefined
  }
}

function forget({ state }: ScopeCell, listener: AbortListener): void {
  const parts = state?.parts
  if (parts === undefined) return
  if (typeof parts.abortListeners === 'object') parts.abortListeners.delete(listener)
  else if (parts.abortListeners === listener) parts.abortListeners = undefined
}

/** The scope was aborted: its listeners hear of it, in its own frame (I7), and no more after that. */
export function tellAbortListeners(state: ScopeState): void {
  const { parts } = state
  const listening = parts?.abortListeners
  if (parts === undefined || listening === undefined) return
  parts.abortListeners = undefined
  if (typeof listening === 'function') return tell(state, listening)
  for (const listener of listening) tell(state, listener)
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
