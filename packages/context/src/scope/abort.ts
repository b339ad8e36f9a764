import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'

/**
 * Aborts a scope and every scope opened in it. The first reason stands. Listeners run in their own scope's
 * frame, not in the frame of whoever aborts (I7). No recursion: scopes may nest as deep as an agent's loop.
 */
export function abortScope(root: ScopeState, reason: unknown): void {
  if (root.aborted) return
  // As AbortController does: an abort always has a reason.
  const why =
    reason === undefined ? new DOMException('The scope was aborted', 'AbortError') : reason
  const scopes = [root]
  for (const state of scopes) {
    state.aborted = true
    state.reason = why
    state.closeBy = Math.min(Date.now() + state.closeBudgetMs, state.parent?.closeBy ?? Infinity)
    for (const { scope } of state.pending ?? []) {
      if (scope !== undefined && !scope.aborted) scopes.push(scope)
    }
  }
  for (const state of scopes) abortAtHome(state)
  // Children before parents: a parent whose time is up first would count the wait for its child against itself.
  for (const state of scopes.toReversed()) state.waiting?.limit()
}

/** The scope's signal, made on first use: an AbortController is the dearest part of a scope. */
export function signalOf(state: ScopeState): AbortSignal {
  if (state.controller === undefined) {
    state.controller = new AbortController()
    if (state.aborted) state.controller.abort(state.reason)
  }
  return state.controller.signal
}

export function abortAtHome({ controller, frame, reason }: ScopeState): void {
  if (controller !== undefined) runtime().storage.run(frame, abortNow, controller, reason)
}

export function abortNow(controller: AbortController, reason: unknown): void {
  controller.abort(reason)
}
