import { ContextError, type ContextErrorCode, type ContextErrorDetails } from '../errors.ts'
import { canonicalOwner } from '../ownership/owner.ts'
import { runtime, type Frame } from './runtime.ts'
import type { ScopeCell } from './scope-cell.ts'
import type { ScopeState } from './scope-state.ts'

/** The id that a scope shows in errors and logs: unguessable across processes, made when asked for. */
export function scopeId(cell: ScopeCell): string {
  return `${runtime().idPrefix}-${cell.sequence.toString(36)}`
}

/** `scope 1f-3 ("app-user")`, the way every message names a scope. */
export function nameScope(cell: ScopeCell): string {
  return `scope ${scopeId(cell)} ("${cell.label}")`
}

/** Where a scope was opened, as long as anything holds its cell. Only where sites were captured. */
export function siteOf(cell: ScopeCell): string | undefined {
  return cell.state === undefined ? runtime().closedSites.get(cell) : cell.state.site
}

/** An error that is counted under its code. */
export function violation(
  code: ContextErrorCode,
  message: string,
  details?: ContextErrorDetails,
  cause?: unknown,
): ContextError {
  const { violations, channels } = runtime()
  violations.set(code, (violations.get(code) ?? 0) + 1)
  if (channels?.violation.hasSubscribers === true) {
    channels.violation.publish({ code, message, scopeId: details?.scopeId })
  }
  return new ContextError(code, message, details, cause === undefined ? undefined : { cause })
}

export function noScope(attempt: string): ContextError {
  const { openScopes } = runtime()
  return violation(
    'NO_SCOPE',
    `Cannot ${attempt}: this code runs in no scope, so it belongs to nobody ` +
      `(${openScopes} ${openScopes === 1 ? 'scope is' : 'scopes are'} open elsewhere in this process). ` +
      'Open one with run() around the caller, or register the callback with bind() so that it comes home.',
  )
}

/** Something that carries a scope was used where none is: it knows what was lost, and where it came from. */
export function scopeLost(cell: ScopeCell, attempt: string): ContextError {
  return violation(
    'SCOPE_LOST',
    `Cannot ${attempt} here: it belongs to ${nameScope(cell)}, but this code runs in no scope: its context was lost ` +
      'on the way. Register the callback that got here with bind(), or call it from inside the scope.',
    { scopeId: scopeId(cell), site: siteOf(cell) },
  )
}

export function scopeClosed(cell: ScopeCell, attempt: string, work?: string): ContextError {
  const who = work === undefined ? '' : ` The work still running is "${work}".`
  return violation(
    'SCOPE_CLOSED',
    `Cannot ${attempt}: ${nameScope(cell)} has closed.${who} ` +
      'Await the work before the scope ends, start it with spawn() so that it is joined, or with detach() if it must live longer.',
    { scopeId: scopeId(cell), site: siteOf(cell) },
  )
}

export function scopeClosing(state: ScopeState, attempt: string): ContextError {
  return violation(
    'SCOPE_CLOSING',
    `Cannot ${attempt}: ${nameScope(state.cell)} is closing; its cleanups are running. ` +
      'Start work before the callback of run() ends; in a cleanup, await the work instead.',
    describe(state),
  )
}

/** `current` is the scope of the caller: its owner may be told. The other scope is named by id alone. */
export function crossOwner(
  current: ScopeState,
  attempt: string,
  advice: string,
  other?: ScopeCell,
): ContextError {
  const foreign =
    other === undefined ? '' : `, which belongs to another owner (scope ${scopeId(other)})`
  return violation(
    'CROSS_OWNER',
    `Cannot ${attempt} from ${nameScope(current.cell)}${foreign}. ${advice}`,
    {
      ...describe(current),
      otherScopeId: other === undefined ? undefined : scopeId(other),
      otherSite: other === undefined ? undefined : siteOf(other),
    },
  )
}

export function describe(state: ScopeState): ContextErrorDetails {
  return {
    scopeId: scopeId(state.cell),
    owner: canonicalOwner(state.owner),
    site: state.site,
  }
}

/** The state that a frame leads to. Throws `NO_SCOPE` or `SCOPE_CLOSED`. */
export function stateOf(frame: Frame | undefined, attempt: string): ScopeState {
  const cell = frame?.cell
  if (cell === undefined) throw noScope(attempt)
  return cell.state ?? raiseClosed(cell, attempt, frame?.work)
}

/**
 * The state of the caller's own scope, when it uses something that came from `origin`. Throws `SCOPE_LOST` in
 * no scope, and `SCOPE_CLOSED` in work that outlived its own.
 */
export function callerOf(frame: Frame | undefined, origin: ScopeCell, attempt: string): ScopeState {
  const cell = frame?.cell
  if (cell === undefined) throw scopeLost(origin, attempt)
  return cell.state ?? raiseClosed(cell, attempt, frame?.work)
}

/** The state of the caller's own scope; undefined in no scope. Throws `SCOPE_CLOSED` in work that outlived its own. */
export function callerNow(attempt: string): ScopeState | undefined {
  const frame = runtime().storage.getStore()
  const cell = frame?.cell
  return cell === undefined ? undefined : (cell.state ?? raiseClosed(cell, attempt, frame?.work))
}

function raiseClosed(cell: ScopeCell, attempt: string, work: string | undefined): never {
  throw scopeClosed(cell, attempt, work)
}
