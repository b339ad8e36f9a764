import type { Channel } from 'node:diagnostics_channel'
import { publishScope } from '../diagnostics/publish.ts'
import { runtime } from '../internal/runtime.ts'
import type { PendingWork } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { suppress } from '../internal/suppressed-error.ts'
import { abortAtHome, abortScope, beginEnding } from './abort.ts'
import { runCleanups } from './cleanup.ts'
import { PendingWait } from './pending-wait.ts'
import { runOutside } from './run-outside.ts'

/** How the callback of a scope ended. */
export type Outcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: unknown }

/** Ends a scope, and hands on how its callback ended: at once where there is nothing to wait for. */
export function end<Result>(state: ScopeState, outcome: Outcome<Result>): Result | Promise<Result> {
  if (pendingOf(state) !== undefined) return join(state, outcome)
  if (!closesAtOnce(state)) return close(state, outcome)
  closeNow(state, outcome)
  return outcome.ok ? outcome.value : Promise.reject(outcome.error)
}

/** Whether nothing is left to do but to cut the scope. Nothing is pending. */
function closesAtOnce({ parts }: ScopeState): boolean {
  if (parts === undefined) return true
  return (parts.cleanups === undefined || parts.cleanups.size === 0) && parts.failures === undefined
}

/** Ends a scope that has nothing left to do. */
export function closeNow(state: ScopeState, outcome: Outcome<unknown>): void {
  // Of a scope without a signal nobody can tell that it was closing before it had closed.
  if (state.controller !== undefined) beginClosing(state, outcome)
  cut(state)
}

/** Waits for what was spawned in a scope, aborting it first if the callback failed; then closes the scope. */
async function join<Result>(state: ScopeState, outcome: Outcome<Result>): Promise<Result> {
  if (!outcome.ok) abortScope(state, outcome.error)
  else if (state.unfinished !== 'wait') endUnfinished(state)
  // Again, because whoever was woken first by the last task's end may have started another one.
  for (let pending = pendingOf(state); pending !== undefined; pending = pendingOf(state)) {
    await PendingWait.begin(state, pending)
  }
  return close(state, outcome)
}

/**
 * Closes a scope (I4): runs the cleanups last in first out, and cuts the cell. Errors on the way are added to the
 * outcome, never lost.
 */
function close<Result>(state: ScopeState, outcome: Outcome<Result>): Result | Promise<Result> {
  let last = outcome
  const add = (error: unknown): void => {
    last = { ok: false, error: last.ok ? error : suppress(error, last.error) }
  }
  const addUnobserved = (): void => {
    for (const { task, error } of state.parts?.failures?.splice(0) ?? [])
      if (!task.observed) add(error)
  }
  const finish = (): Result | Promise<Result> => {
    addUnobserved()
    cut(state)
    return last.ok ? last.value : Promise.reject(last.error)
  }
  addUnobserved()
  beginClosing(state, outcome)
  const cleaning = runCleanups(state, add)
  return cleaning === undefined ? finish() : cleaning.then(finish)
}

/** The callback has returned, and what it left running shall not be waited for. */
function endUnfinished(state: ScopeState): void {
  if (pendingOf(state) === undefined) return
  abortScope(state, runtime().closedReason)
  if (state.unfinished === 'report' && state.ending !== undefined) state.ending.closeBy = 0
}

/** From here on nothing starts in the scope. Its signal aborts, if nothing has aborted it before. */
export function beginClosing(state: ScopeState, outcome: Outcome<unknown>): void {
  const { ending } = state
  if (ending !== undefined) {
    ending.closing = true
    return
  }
  const reason = outcome.ok ? runtime().closedReason : outcome.error
  beginEnding(state, reason, Infinity).closing = true
  abortAtHome(state)
}

function pendingOf({ parts }: ScopeState): Set<PendingWork> | undefined {
  return parts?.pending === undefined || parts.pending.size === 0 ? undefined : parts.pending
}

/** The last act: from here on the cell leads nowhere (I5). */
function cut(state: ScopeState): void {
  if (state.cell.state === undefined) return
  state.terms?.stopDeadline?.()
  state.terms?.forgetSignal?.()
  const process = runtime()
  if (process.channels?.close.hasSubscribers === true) publishClose(process.channels.close, state)
  if (state.site !== undefined) process.closedSites.set(state.cell, state.site)
  process.heldCells?.add({ cell: new WeakRef(state.cell), closedAt: Date.now() })
  if (state.parent === undefined) process.roots.delete(state)
  process.openScopes -= 1
  state.cell.state = undefined
}

// Nobody's code: not the closing scope's, in whose frame its callback has ended.
function publishClose(channel: Channel, state: ScopeState): void {
  runOutside(() => publishScope(channel, state))
}
