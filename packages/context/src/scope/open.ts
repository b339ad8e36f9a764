import { captureSite } from '../internal/site.ts'
import { runtime, type Frame, type ScopeCell } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { nameScope, scopeClosing, violation, describe } from '../internal/violation.ts'
import type { ContextDefinition, UserContext } from '../user-context/user-context.ts'
import { publishScope } from '../diagnostics/publish.ts'
import { abortScope } from './abort.ts'
import { createScope } from './handle.ts'
import type { ScopeOptions } from './scope.ts'
import { checkScopeOptions } from './scope-options.ts'
import { refuseInSync } from './spawn.ts'

const defaultBudgetMs = 5_000

/** What a new scope is made of. `parent` is the open scope of the same owner that it ends with, if any. */
export interface Opening {
  readonly definition: ContextDefinition
  readonly context: UserContext
  readonly parent: ScopeState | undefined
  readonly options: ScopeOptions
  readonly synchronous: boolean
}

/** Makes the state of a scope. The scope counts as open from here on: the caller must run and close it. */
export function openState(opening: Opening): ScopeState {
  const { definition, context, parent, options, synchronous } = opening
  if (parent !== undefined && parent.lifecycle === 'closing') {
    throw scopeClosing(parent, 'open a scope')
  }
  if (!synchronous && parent?.synchronous === true)
    refuseInSync(parent, 'open an asynchronous scope')
  checkScopeOptions(options)
  const {
    deadlineMs = Infinity,
    closeBudgetMs = defaultBudgetMs,
    cleanupBudgetMs = defaultBudgetMs,
  } = options
  const process = runtime()
  const cell: ScopeCell = {
    state: undefined,
    sequence: ++process.sequence,
    label: options.label ?? definition.name,
  }
  const variables = process.storage.getStore()?.variables
  const frame: Frame = { cell, work: undefined, variables }
  const state: ScopeState = {
    cell,
    frame,
    scope: createScope(cell),
    definition,
    context,
    owner: ownerOf(context, parent),
    parent,
    synchronous,
    closeBudgetMs,
    cleanupBudgetMs,
    onOrphan: options.onOrphan ?? parent?.onOrphan,
    site: captureSite(),
    unfinished: options.unfinished ?? 'wait',
    openedAt: Date.now(),
    deadline: parent?.deadline,
    stopDeadline: undefined,
    lifecycle: 'open',
    aborted: false,
    reason: undefined,
    closeBy: Infinity,
    givenUp: false,
    controller: undefined,
    forgetSignal: undefined,
    pending: undefined,
    waiting: undefined,
    failures: undefined,
    cleanups: undefined,
  }
  cell.state = state
  process.openScopes += 1
  if (parent === undefined) process.roots.add(state)
  if (process.channels?.open.hasSubscribers === true) publishScope(process.channels.open, state)
  if (parent?.aborted === true) abortScope(state, parent.reason)
  if (deadlineMs !== Infinity) armDeadline(state, deadlineMs)
  if (options.signal !== undefined) followSignal(state, options.signal)
  return state
}

function ownerOf(context: UserContext, parent: ScopeState | undefined): ScopeState['owner'] {
  if (parent !== undefined) return parent.owner
  const { userId, tenantId } = context
  return Object.freeze(tenantId === undefined ? { userId } : { tenantId, userId })
}

/** A deadline only ever shortens: the surrounding scope's own timer serves where that one is sooner. */
function armDeadline(state: ScopeState, deadlineMs: number): void {
  const deadline = Date.now() + deadlineMs
  if (state.deadline !== undefined && state.deadline <= deadline) return
  state.deadline = deadline
  // No time at all: nothing of it runs.
  if (deadlineMs === 0) return exceedDeadline(state.cell, deadlineMs)
  const { cell } = state
  state.stopDeadline = startTimer(deadlineMs, () => exceedDeadline(cell, deadlineMs))
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
function followSignal(state: ScopeState, signal: AbortSignal): void {
  if (signal.aborted) {
    abortScope(state, signal.reason)
    return
  }
  const { cell } = state
  const abort = (): void => {
    if (cell.state !== undefined) abortScope(cell.state, signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  state.forgetSignal = () => signal.removeEventListener('abort', abort)
}
