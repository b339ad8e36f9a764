import type { ContextErrorCode } from '../errors.ts'
import { checkBoolean } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeId } from '../internal/violation.ts'
import { canonicalOwner } from '../ownership/owner.ts'
import { contextMode, type ContextMode } from './context-mode.ts'
import { countHeld } from './held-scopes.ts'

/** What is going on in the process, in numbers. Names nobody. */
export interface Inspection {
  /** Scopes that are open or closing now. */
  readonly openScopes: number
  /** Scopes opened since the process started. */
  readonly openedScopes: number
  /** Work that outlived its scope and is still running. */
  readonly orphans: number
  /** How often each rule was broken since the process started. Every one was refused. */
  readonly violations: Readonly<Partial<Record<ContextErrorCode, number>>>
  /**
   * Closed scopes that something still holds through Ringfence: a kept scope, a bound callback, a timer.
   * They hold an id and a label, and no user. Undefined unless `captureHeldScopes(true)` was called.
   */
  readonly heldScopes: number | undefined
  /** How this process carries context; see `ContextMode`. */
  readonly mode: ContextMode
}

/** Counts scopes, orphans and violations. Cheap; fit for a metrics endpoint and for a test's last line. */
export function inspect(): Inspection {
  const { openScopes, sequence, orphans, violations, heldCells } = runtime()
  return {
    openScopes,
    openedScopes: sequence,
    orphans,
    violations: Object.fromEntries(violations),
    heldScopes: heldCells === undefined ? undefined : countHeld(heldCells),
    mode: contextMode(),
  }
}

/** An open scope, as an operator may see it. Names its owner: not for users. */
export interface ScopeInspection {
  readonly id: string
  readonly label: string
  /** The canonical owner; see `canonicalOwner`. */
  readonly owner: string
  readonly lifecycle: 'open' | 'closing'
  /** Milliseconds since it was opened; 0 for a synchronous scope, which only its own code can see. */
  readonly ageMs: number
  /** Epoch milliseconds. */
  readonly deadline: number | undefined
  readonly aborted: boolean
  /** The labels of tasks that it waits for. */
  readonly tasks: readonly string[]
  /** How many cleanups it will run, what it bound (timers, listeners) among them. */
  readonly cleanups: number
  /** Where it was opened; only while sites are captured. */
  readonly site: string | undefined
  /** The scopes opened in it. */
  readonly children: readonly ScopeInspection[]
}

/**
 * Every open scope as a tree, oldest first: owners, ages, what they wait for. For operators. A scope opened by
 * `detach` stands at the root, as it runs.
 */
export function inspectScopes(): readonly ScopeInspection[] {
  const { claimedAt, roots } = runtime()
  const now = Date.now() - claimedAt
  const inspected: ScopeInspection[] = []
  // No recursion: scopes may nest as deep as an agent's loop.
  const left = roots.list().map((state) => ({ state, into: inspected }))
  for (const { state, into } of left) {
    const children: ScopeInspection[] = []
    into.push(describeState(state, children, now))
    for (const { scope } of state.parts?.pending ?? []) {
      if (scope !== undefined) left.push({ state: scope, into: children })
    }
  }
  return inspected
}

function describeState(
  state: ScopeState,
  children: readonly ScopeInspection[],
  now: number,
): ScopeInspection {
  const tasks: string[] = []
  for (const work of state.parts?.pending ?? [])
    if (work.scope === undefined) tasks.push(work.label)
  return {
    id: scopeId(state.cell),
    label: state.cell.label,
    owner: canonicalOwner(state.owner),
    lifecycle: state.lifecycle,
    ageMs: now - (state.openedAt ?? now),
    deadline: state.deadline,
    aborted: state.aborted,
    tasks,
    cleanups: state.parts?.cleanups?.size ?? 0,
    site: state.site,
    children,
  }
}

/**
 * Records where each scope is opened, so that errors can say it in `site`; and on Node warns
 * (`RINGFENCE_MODULE_CAPTURE`, by `process.emitWarning`) where the top level of a module, which runs once, reaches for
 * the user who happened to load it. A stack for every scope and every reading is dear: off by default, on where
 * NODE_ENV is `development`.
 */
export function captureSites(enabled: boolean): void {
  checkBoolean('captureSites()', 'enabled', enabled)
  runtime().sites = enabled
}
