import type { ContextErrorCode } from '../errors.ts'
import { checkBoolean } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeId } from '../internal/violation.ts'
import { canonicalOwner } from '../ownership/owner.ts'

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
}

/** Counts scopes, orphans and violations. Cheap; fit for a metrics endpoint and for a test's last line. */
export function inspect(): Inspection {
  const { openScopes, sequence, orphans, violations, closedCells } = runtime()
  return {
    openScopes,
    openedScopes: sequence,
    orphans,
    violations: Object.fromEntries(violations),
    heldScopes: closedCells === undefined ? undefined : countHeld(closedCells),
  }
}

/** An open scope, as an operator may see it. Names its owner: not for users. */
export interface ScopeInspection {
  readonly id: string
  readonly label: string
  /** The canonical owner; see `canonicalOwner`. */
  readonly owner: string
  readonly lifecycle: 'open' | 'closing'
  /** Milliseconds since it was opened. */
  readonly ageMs: number
  /** Epoch milliseconds. */
  readonly deadline: number | undefined
  readonly aborted: boolean
  /** The labels of tasks that it waits for. */
  readonly tasks: readonly string[]
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
  const now = Date.now()
  return [...runtime().roots].map((state) => describeState(state, now))
}

function describeState(state: ScopeState, now: number): ScopeInspection {
  const tasks: string[] = []
  const children: ScopeInspection[] = []
  for (const work of state.pending ?? []) {
    if (work.scope === undefined) tasks.push(work.label)
    else children.push(describeState(work.scope, now))
  }
  return {
    id: scopeId(state.cell),
    label: state.cell.label,
    owner: canonicalOwner(state.owner),
    lifecycle: state.lifecycle,
    ageMs: now - state.openedAt,
    deadline: state.deadline,
    aborted: state.aborted,
    tasks,
    site: state.site,
    children,
  }
}

/**
 * Records where each scope is opened, so that errors can say it in `site`. A stack for every scope is dear:
 * off by default, on where NODE_ENV is `development`.
 */
export function captureSites(enabled: boolean): void {
  checkBoolean('captureSites()', 'enabled', enabled)
  runtime().sites = enabled
}

/**
 * Counts, in `inspect().heldScopes`, closed scopes that are still held by something. A weak reference for every
 * closed scope is dear: off by default, for the hunt for a leak.
 */
export function captureHeldScopes(enabled: boolean): void {
  checkBoolean('captureHeldScopes()', 'enabled', enabled)
  runtime().closedCells = enabled ? new Set() : undefined
}

function countHeld(cells: Set<WeakRef<object>>): number {
  for (const cell of cells) if (cell.deref() === undefined) cells.delete(cell)
  return cells.size
}
