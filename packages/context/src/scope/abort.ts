import { runtime } from '../internal/runtime.ts'
import { partsOf, type Ending } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { tellAbortListeners } from './abort-listeners.ts'
import { limitCallback } from './callback-wait.ts'

/**
 * Aborts a scope and every scope opened in it. The first reason stands. Listeners run in their own scope's
 * frame, not in the frame of whoever aborts (I7). No recursion: scopes may nest as deep as an agent's loop.
 */
export function abortScope(root: ScopeState, reason: unknown): void {
  if (root.aborted) return
  // As AbortController does: an abort always has a reason.
  const why = reason === undefined ? plainAbort() : reason
  const scopes = [root]
  for (const state of scopes) {
    const closeBy = Math.min(
      Date.now() + state.closeBudgetMs,
      state.parent?.ending?.closeBy ?? Infinity,
    )
    beginEnding(state, why, closeBy)
    for (const { scope } of state.parts?.pending ?? []) {
      if (scope !== undefined && !scope.aborted) scopes.push(scope)
    }
  }
  for (const state of scopes) {
    abortAtHome(state)
    tellAbortListeners(state)
  }
  // Children before parents: a parent whose time is up first would count the wait for its child against itself.
  for (const state of scopes.toReversed()) {
    limitCallback(state)
    state.parts?.waiting?.limit()
  }
}

export function beginEnding(state: ScopeState, reason: unknown, closeBy: number): Ending {
  const ending = { reason, closeBy, givenUp: false, closing: false, stopTimer: undefined }
  partsOf(state).ending = ending
  return ending
}

/** The scope's signal, made on first use: an AbortController is the dearest part of a scope. */
export function signalOf(state: ScopeState): AbortSignal {
  if (state.controller === undefined) {
    state.controller = new AbortController()
    if (state.aborted) abortNow(state.controller, state.reason)
  }
  return state.controller.signal
}

export function abortAtHome(state: ScopeState): void {
  const { controller } = state
  if (controller !== undefined) {
    runtime().storage.run(state.frame, abortNow, controller, state.reason)
  }
}

export function abortNow(controller: AbortController, reason: unknown): void {
  try {
    controller.abort(reason)
  } catch (error) {
    if (controller.signal.aborted) throw error
    // workerd reads the reason at once, and aborts nothing where that throws: the scope would never end.
    controller.abort(plainAbort())
  }
}

function plainAbort(): DOMException {
  return new DOMException('The scope was aborted', 'AbortError')
}
