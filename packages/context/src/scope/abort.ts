import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'

/**
 * Aborts a scope and what was started in it. The first reason stands. Listeners run in the scope's own
 * frame, not in the frame of whoever aborts (I7).
 */
export function abortScope(state: ScopeState, reason: unknown): void {
  if (state.aborted) return
  state.aborted = true
  state.reason = reason
  state.abortedAt = Date.now()
  if (state.controller !== undefined) abortAtHome(state, reason)
  for (const work of state.pending ?? []) work.abort?.(reason)
  state.onAbort?.(reason)
}

/** The scope's signal, made on first use: an AbortController is the dearest part of a scope. */
export function signalOf(state: ScopeState): AbortSignal {
  if (state.controller === undefined) {
    state.controller = new AbortController()
    if (state.aborted) state.controller.abort(state.reason)
  }
  return state.controller.signal
}

export function abortAtHome(state: ScopeState, reason: unknown): void {
  runtime().storage.run(state.frame, () => state.controller?.abort(reason))
}
