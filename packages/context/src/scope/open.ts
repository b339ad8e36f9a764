import { publishScope } from '../diagnostics/publish.ts'
import { runtime, type Variables } from '../internal/runtime.ts'
import type { ScopeCell } from '../internal/scope-cell.ts'
import { partsOf, type ScopeTerms } from '../internal/scope-parts.ts'
import { ScopeState } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { describe, nameScope, scopeClosing, violation } from '../internal/violation.ts'
import type { ContextDefinition, UserContext } from '../user-context/user-context.ts'
import { abortScope } from './abort.ts'
import { createScope } from './handle.ts'
import type { ScopeOptions } from './scope.ts'
import { checkScopeOptions } from './scope-options.ts'
import { refuseInSync } from './spawn.ts'
import { termsFor } from './terms.ts'

/** Makes the state of a scope. The scope counts as open from here on: the caller must run and close it. */
export function openState(
  definition: ContextDefinition,
  context: UserContext,
  /** The open scope of the same owner that the new one ends with, if any. */
  parent: ScopeState | undefined,
  options: ScopeOptions | undefined,
  synchronous: boolean,
  variables: Variables | undefined,
): ScopeState {
  if (parent !== undefined) refuseInside(parent, synchronous)
  // Every check comes before there is anything to undo.
  if (options !== undefined) checkScopeOptions(options)
  const process = runtime()
  const cell = createScope(++process.sequence)
  const openedAt = synchronous ? undefined : Date.now() - process.claimedAt
  const state = new ScopeState(cell, definition, context, openedAt)
  cell.state = state
  const terms = termsFor(state, parent, options, variables)
  if (parent !== undefined) partsOf(state).parent = parent
  if (terms !== undefined) partsOf(state).terms = terms
  process.openScopes += 1
  if (parent === undefined) process.roots.add(state)
  if (process.channels?.open.hasSubscribers === true) publishScope(process.channels.open, state)
  if (parent?.ending !== undefined) abortScope(state, parent.reason)
  if (options !== undefined && terms !== undefined) {
    const { deadlineMs, signal } = options
    if (deadlineMs !== undefined && deadlineMs !== Infinity) armDeadline(state, terms, deadlineMs)
    if (signal !== undefined) followSignal(state, terms, signal)
  }
  return state
}

function refuseInside(parent: ScopeState, synchronous: boolean): void {
  if (parent.lifecycle === 'closing') throw scopeClosing(parent, 'open a scope')
  if (!synchronous) refuseInSync(parent, 'open an asynchronous scope')
}

/** A deadline only ever shortens: the surrounding scope's own timer serves where that one is sooner. */
function armDeadline(state: ScopeState, terms: ScopeTerms, deadlineMs: number): void {
  const deadline = Date.now() + deadlineMs
  if (terms.deadline !== undefined && terms.deadline <= deadline) return
  terms.deadline = deadline
  // No time at all: nothing of it runs.
  if (deadlineMs === 0) return exceedDeadline(state.cell, deadlineMs)
  const { cell } = state
  terms.stopDeadline = startTimer(deadlineMs, () => exceedDeadline(cell, deadlineMs))
}

function exceedDeadline(cell: ScopeCell, deadlineMs: number): void {
  if (cell.state === undefined) return
  abortScope(
    cell.state,
    violation(
      'DEADLINE_EXCEEDED',
      `The deadline of ${nameScope(cell)} passed after ${deadlineMs} ms. ` +
        'Give it more time with deadlineMs, or end its work sooner by listening to its signal.',
      describe(cell.state),
    ),
  )
}

/** By hand, and undone at close: AbortSignal.any with a long-lived source leaks on every Node (nodejs/node#54614). */
function followSignal(state: ScopeState, terms: ScopeTerms, signal: AbortSignal): void {
  if (signal.aborted) {
    abortScope(state, signal.reason)
    return
  }
  const { cell } = state
  const abort = (): void => {
    if (cell.state !== undefined) abortScope(cell.state, signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  terms.forgetSignal = () => signal.removeEventListener('abort', abort)
}
