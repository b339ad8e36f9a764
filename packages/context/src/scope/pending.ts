import type { ScopeCell } from '../internal/scope-cell.ts'
import {
  partsOf,
  type PendingScope,
  type PendingTask,
  type PendingWork,
  type TaskFailure,
} from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import type { Task } from './task.ts'

/** Makes `state` wait for a task before it closes. */
export function addTask<Result>(state: ScopeState, label: string, task: Task<Result>): void {
  add(state, pendingTask(state.cell, label, task))
}

/** Makes `state` wait for a scope opened in it, and abort it, until it is said to have closed. */
export function addScope(state: ScopeState, scope: ScopeState): PendingScope {
  const work: PendingScope = { scope }
  add(state, work)
  return work
}

/** A scope opened in `state` has closed. */
export function leaveScope(state: ScopeState, work: PendingScope): void {
  leave(state, work)
}

/** Keeps the failure of something started in the scope, for the case that nobody looks at it. */
export function addFailure(state: ScopeState, error: unknown, task: TaskFailure['task']): void {
  // Somebody has it already. A scope that lives long must not keep what was dealt with.
  if (task.observed) return
  // What an abort made fail is the abort's consequence, not a failure of its own.
  if (state.aborted && isAbortOf(error, state.reason)) return
  const parts = partsOf(state)
  parts.failures ??= []
  parts.failures.push({ task, error })
}

// A task may never end. So what waits for its end holds the cell and not the state (I5).
function pendingTask<Result>(cell: ScopeCell, label: string, task: Task<Result>): PendingTask {
  const ended = task.ended((failure) => {
    const { state } = cell
    if (state === undefined) return
    if (failure !== undefined) addFailure(state, failure.error, task)
    leave(state, work)
  })
  const work: PendingTask = { label, ended, scope: undefined }
  return work
}

function add(state: ScopeState, work: PendingWork): void {
  const parts = partsOf(state)
  parts.pending ??= new Set()
  parts.pending.add(work)
}

function leave(state: ScopeState, work: PendingWork): void {
  const { parts } = state
  parts?.pending?.delete(work)
  if (parts?.pending?.size === 0) parts.waiting?.idle()
}

function isAbortOf(error: unknown, reason: unknown): boolean {
  return error === reason || (error instanceof Error && error.name === 'AbortError')
}
