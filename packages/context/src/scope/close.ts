import { publishScope } from '../diagnostics/publish.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { suppress } from '../internal/suppressed-error.ts'
import { abortAtHome, abortScope } from './abort.ts'
import { runCleanups } from './cleanup.ts'
import { PendingWait } from './pending-wait.ts'
import type { Settlement } from './settlement.ts'

/** How the callback of a scope ended. */
export type Outcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: unknown }

/** Ends a scope, and then the promise of its run. */
export function settle<Value>(
  state: ScopeState,
  outcome: Outcome<Value>,
  { resolve, reject }: Settlement<Value>,
): void {
  if (!closesAtOnce(state)) {
    close(state, outcome).then(resolve, reject)
    return
  }
  let value: Value
  try {
    value = closeNow(state, outcome)
  } catch (error) {
    return reject(error)
  }
  resolve(value)
}

/** Whether anything has to be waited for before the scope can be cut. */
function closesAtOnce(state: ScopeState): boolean {
  return (
    (state.pending === undefined || state.pending.size === 0) &&
    (state.cleanups === undefined || state.cleanups.size === 0) &&
    state.failures === undefined
  )
}

/** Ends a scope that has nothing to wait for, and hands on how its callback ended. */
export function closeNow<Result>(state: ScopeState, outcome: Outcome<Result>): Result {
  beginClosing(state, outcome)
  cut(state)
  if (outcome.ok) return outcome.value
  throw outcome.error
}

/**
 * Ends a scope (I4): joins what was spawned, aborting it first if the callback failed; then closes, runs the
 * cleanups last in first out, and cuts the cell. Errors on the way are added to the outcome, never lost.
 */
async function close<Result>(state: ScopeState, outcome: Outcome<Result>): Promise<Result> {
  if (!outcome.ok) abortScope(state, outcome.error)
  let failed = !outcome.ok
  let failure: unknown = outcome.ok ? undefined : outcome.error
  const add = (error: unknown): void => {
    failure = failed ? suppress(error, failure) : error
    failed = true
  }
  const addUnobserved = (): void => {
    for (const { task, error } of state.failures?.splice(0) ?? []) if (!task.observed) add(error)
  }
  if (outcome.ok && state.unfinished !== 'wait') endUnfinished(state)
  // Again, because whoever was woken first by the last task's end may have started another one.
  while (state.pending !== undefined && state.pending.size > 0) {
    await PendingWait.begin(state, state.pending)
  }
  addUnobserved()
  beginClosing(state, outcome)
  await runCleanups(state, add)
  addUnobserved()
  cut(state)
  if (failed) throw failure
  if (outcome.ok) return outcome.value
  throw outcome.error
}

/** The callback has returned, and what it left running shall not be waited for. */
function endUnfinished(state: ScopeState): void {
  if (state.pending === undefined || state.pending.size === 0) return
  abortScope(state, runtime().closedReason)
  if (state.unfinished === 'report') state.closeBy = 0
}

/** From here on nothing starts in the scope. Its signal aborts, if nothing has aborted it before. */
export function beginClosing(state: ScopeState, outcome: Outcome<unknown>): void {
  state.lifecycle = 'closing'
  if (state.aborted) return
  if (outcome.ok) {
    state.aborted = true
    state.reason = runtime().closedReason
    abortAtHome(state)
  } else abortScope(state, outcome.error)
}

/** The last act: from here on the cell leads nowhere (I5). */
function cut(state: ScopeState): void {
  if (state.cell.state === undefined) return
  state.stopDeadline?.()
  state.forgetSignal?.()
  const process = runtime()
  if (process.channels?.close.hasSubscribers === true) publishScope(process.channels.close, state)
  process.heldCells?.add({ cell: new WeakRef(state.cell), closedAt: Date.now() })
  process.roots.delete(state)
  process.openScopes -= 1
  state.cell.state = undefined
}
