import type { Ownership } from '../internal/ownership-record.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { callerOf, crossOwner, scopeClosed } from '../internal/violation.ts'
import { sameOwner } from './owner.ts'

/** The mark on a value, if it has one. Primitives have no identity, so nobody can own them. */
export function ownershipOf(value: unknown): Ownership | undefined {
  const markable = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return markable ? runtime().ownerships.get(value) : undefined
}

/**
 * The scope of whoever uses a value that is owned so. Throws as `callerOf` does; but in no scope, what was tied to
 * a scope that has closed is not lost: it is over.
 */
export function callerFor({ cell, bound }: Ownership, attempt: string): ScopeState {
  const frame = runtime().storage.getStore()
  if (frame?.cell === undefined && bound && cell.state === undefined) {
    throw scopeClosed(cell, attempt)
  }
  return callerOf(frame, cell, attempt)
}

/** Lets code in `state` use a value that is owned so, or throws `CROSS_OWNER` or `SCOPE_CLOSED` (I6). */
export function admit(ownership: Ownership, state: ScopeState, attempt: string): void {
  if (!sameOwner(ownership.owner, state.owner)) {
    throw crossOwner(
      state,
      attempt,
      'Load or make the value inside the scope that uses it, and key shared caches by owner.',
      ownership.cell,
    )
  }
  if (!ownership.bound) return
  for (let scope: ScopeState | undefined = state; scope !== undefined; scope = scope.parent) {
    if (scope.cell === ownership.cell) return
  }
  if (ownership.cell.state === undefined) throw scopeClosed(ownership.cell, attempt)
  throw crossOwner(
    state,
    `${attempt} that is tied to another scope of the same owner`,
    'Make one for each scope, or own it without { scope: true }.',
  )
}
