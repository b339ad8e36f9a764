import { checkBoolean } from '../internal/argument.ts'
import { runtime, type HeldCell } from '../internal/runtime.ts'
import { scopeId } from '../internal/violation.ts'

/** A closed scope that something still holds. It leads to no user any more (I5), but to an id and a label. */
export interface HeldScope {
  readonly id: string
  readonly label: string
  /** Milliseconds since it closed. */
  readonly heldMs: number
  /** What was bound in it and has not been let go of: the names of callbacks, `a bound stream`, a queue's job. */
  readonly bindings: readonly string[]
}

/**
 * Remembers closed scopes, weakly, and what was bound in scopes, for `inspect().heldScopes` and `inspectHeldScopes`.
 * A weak reference for every closed scope and every binding is dear: off by default, for the hunt for a leak.
 * Turning it on forgets what was remembered before.
 */
export function captureHeldScopes(enabled: boolean): void {
  checkBoolean('captureHeldScopes()', 'enabled', enabled)
  const process = runtime()
  process.heldCells = enabled ? new Set() : undefined
  process.bindings = enabled ? new WeakMap() : undefined
}

/**
 * The closed scopes that are still held, the longest-held first, since when and by what: a kept scope object, a
 * frame that a pending timer or promise carries, or one of the `bindings`. Empty unless `captureHeldScopes(true)` was
 * called. What nothing holds goes when the garbage collector has run.
 */
export function inspectHeldScopes(): readonly HeldScope[] {
  const { heldCells, bindings } = runtime()
  const now = Date.now()
  const held: HeldScope[] = []
  for (const entry of heldCells ?? []) {
    const cell = entry.cell.deref()
    if (cell === undefined) continue
    const works: string[] = []
    for (const binding of bindings?.get(cell) ?? []) {
      const home = binding.deref()
      if (home !== undefined) works.push(home.work)
    }
    held.push({
      id: scopeId(cell),
      label: cell.label,
      heldMs: now - entry.closedAt,
      bindings: works,
    })
  }
  return held
}

export function countHeld(cells: Set<HeldCell>): number {
  for (const entry of cells) if (entry.cell.deref() === undefined) cells.delete(entry)
  return cells.size
}
