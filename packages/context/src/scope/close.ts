import { runtime } from '../internal/runtime.ts'
import type { PendingWork, ScopeState } from '../internal/scope-state.ts'
import { suppress } from '../internal/suppressed-error.ts'
import { scopeId } from '../internal/violation.ts'
import { abortAtHome, abortScope } from './abort.ts'
import { runCleanups } from './cleanup.ts'

/** How the callback of a scope ended. */
export type Outcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: unknown }

/** Whether anything has to be waited for before the scope can be cut. */
export function closesAtOnce(state: ScopeState): boolean {
  return (
    (state.pending === undefined || state.pending.size === 0) &&
    state.cleanups === undefined &&
    state.failures === undefined
  )
}

/** Ends a scope that has nothing to wait for, and hands on how its callback ended. */
export function closeNow<Result>(state: ScopeState, outcome: Outcome<Result>): Result {
  beginClosing(state)
  cut(state)
  if (outcome.ok) return outcome.value
  throw outcome.error
}

/**
 * Ends a scope (I4): joins what was spawned, aborting it first if the callback failed; then closes, runs the
 * cleanups last in first out, and cuts the cell. Errors on the way are added to the outcome, never lost.
 */
export async function close<Result>(state: ScopeState, outcome: Outcome<Result>): Promise<Result> {
  if (!outcome.ok) abortScope(state, outcome.error)
  await join(state)
  let failed = !outcome.ok
  let failure: unknown = outcome.ok ? undefined : outcome.error
  const add = (error: unknown): void => {
    failure = failed ? suppress(error, failure) : error
    failed = true
  }
  for (const { task, error } of state.failures ?? []) if (!task.observed) add(error)
  beginClosing(state)
  await runCleanups(state, add, (label, ended) => reportOrphan(state, { label, ended }))
  cut(state)
  if (failed) throw failure
  if (outcome.ok) return outcome.value
  throw outcome.error
}

/**
 * Waits until nothing that was started in the scope is left. Once the scope is aborted, only for the close
 * budget: what is still running then is fenced and reported.
 */
async function join(state: ScopeState): Promise<void> {
  if (state.pending === undefined || state.pending.size === 0) return
  await new Promise<void>((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const finish = (): void => {
      clearTimeout(timer)
      state.whenIdle = undefined
      state.onAbort = undefined
      resolve()
    }
    const limit = (): void => {
      timer ??= setTimeout(finish, remainingBudget(state))
    }
    state.whenIdle = finish
    state.onAbort = limit
    if (state.aborted) limit()
  })
  for (const work of state.pending) {
    reportOrphan(state, work)
    work.fence?.()
  }
}

function beginClosing(state: ScopeState): void {
  state.lifecycle = 'closing'
  if (state.controller !== undefined && !state.aborted) {
    state.aborted = true
    state.reason = runtime().closedReason
    abortAtHome(state, state.reason)
  }
}

/** What is left of the time that work may take after the scope was aborted. */
export function remainingBudget(state: ScopeState): number {
  return Math.max(0, state.abortedAt + state.closeBudgetMs - Date.now())
}

/** The last act: from here on the cell leads nowhere (I5). */
export function cut(state: ScopeState): void {
  if (state.cell.state === undefined) return
  clearTimeout(state.deadlineTimer)
  state.forgetSignal?.()
  state.cell.state = undefined
  runtime().openScopes -= 1
}

/** Cuts a scope whose parent no longer waits for it, and every scope inside it. */
export function fence(state: ScopeState): void {
  for (const work of state.pending ?? []) work.fence?.()
  cut(state)
}

export function reportOrphan(state: ScopeState, work: Pick<PendingWork, 'label' | 'ended'>): void {
  const process = runtime()
  process.orphans += 1
  const forget = (): void => {
    process.orphans -= 1
  }
  void work.ended.then(forget, forget)
  const { onOrphan } = state
  if (onOrphan === undefined) return
  const orphan = { label: work.label, scopeId: scopeId(state.cell), ended: work.ended }
  process.storage.run({ cell: undefined, work: undefined }, () => onOrphan(orphan))
}
