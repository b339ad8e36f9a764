import { runtime } from '../internal/runtime.ts'
import type { ScopeCell } from '../internal/scope-cell.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { end, type Outcome } from './close.ts'
import { reportOrphan } from './orphan.ts'

/**
 * Waits for the callback of a scope, from inside its frame. The callback's promise may never settle, so what it
 * holds is nothing but that frame, which ends in the cell (I5): the reactions are the same two functions for
 * every scope, and the frame that they run in says whose callback has ended.
 */
export function waitForCallback<Value>(state: ScopeState, body: Promise<Value>): void {
  // oxlint-disable-next-line typescript/unbound-method -- compared, not called
  const isNative = body.then === runtime().nativeThen
  state.callbackEnded = isNative ? body.then(returned, threw) : watch(state.cell, body)
}

function returned(value: unknown): void {
  const cell = runtime().storage.getStore()?.cell
  if (cell !== undefined) finishIn(cell, { ok: true, value })
}

function threw(error: unknown): void {
  const cell = runtime().storage.getStore()?.cell
  if (cell !== undefined) finishIn(cell, { ok: false, error })
}

/** For promises whose reactions may run anywhere. */
function watch<Value>(cell: ScopeCell, body: Promise<Value>): Promise<void> {
  return body.then(
    (value) => finishIn(cell, { ok: true, value }),
    (error: unknown) => finishIn(cell, { ok: false, error }),
  )
}

function finishIn({ state }: ScopeCell, outcome: Outcome<unknown>): void {
  if (state !== undefined) finish(state, outcome)
}

/** Ends the scope, unless the wait is over already. */
function finish(state: ScopeState, outcome: Outcome<unknown>): void {
  const { settle } = state
  if (settle === undefined) return
  state.ending?.stopTimer?.()
  state.settle = state.callbackEnded = undefined
  settle(end(state, outcome))
}

/** An aborted scope ends without its callback if that one ignores the signal: after the close budget. */
export function limitCallback(state: ScopeState): void {
  const { cell, ending, callbackEnded } = state
  if (ending === undefined || callbackEnded === undefined) return
  ending.stopTimer ??= startTimer(ending.closeBy - Date.now(), () => {
    if (cell.state !== undefined) giveUpCallback(cell.state)
  })
}

/** The callback is fenced, and reported as an orphan. */
export function giveUpCallback(state: ScopeState): void {
  const { cell, ending, callbackEnded } = state
  if (ending === undefined || callbackEnded === undefined) return
  ending.givenUp = true
  reportOrphan(state, { label: cell.label, ended: callbackEnded })
  finish(state, { ok: false, error: ending.reason })
}
