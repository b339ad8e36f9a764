import type { Ownership } from '../internal/ownership-record.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { crossOwner, describe, scopeClosed, stateOf, violation } from '../internal/violation.ts'
import { sameOwner } from './owner.ts'

/** How a value is owned. */
export interface OwnOptions {
  /**
   * True ties the value to the current scope as well: it is refused outside this scope and the scopes opened
   * in it, and after this one has closed. For connections, transactions and instances. Default: false.
   */
  readonly scope?: boolean
}

/**
 * Marks a value as the current owner's and returns it, untouched: the mark is kept beside it. From then on
 * every Ringfence door refuses it in another owner's scope (I6). Primitives have no identity and cannot be
 * owned. Owning one's own value again is allowed and can only narrow it to the scope.
 *
 * Throws `NO_SCOPE`, `SCOPE_CLOSED`, `CROSS_OWNER` (it is somebody else's), and TypeError for a primitive.
 *
 * @example
 * const cart = own(new Cart())
 */
export function own<T extends object>(value: T, options: OwnOptions = {}): T {
  const { storage, ownerships } = runtime()
  const state = stateOf(storage.getStore(), 'own a value')
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
    throw new TypeError(`Expected an object or a function to own, got ${describeType(value)}`)
  }
  const existing = ownerships.get(value)
  if (existing !== undefined) {
    admit(existing, state, 'own a value')
    if (existing.bound) return value
  }
  ownerships.set(value, {
    owner: state.owner,
    cell: state.cell,
    bound: options.scope ?? false,
  })
  return value
}

/**
 * Returns the value if it belongs to the owner of the current scope; otherwise throws. The check to put at
 * the entrance of a function that takes something it must not take from a stranger (I6).
 *
 * Throws `NO_SCOPE`, `SCOPE_CLOSED`, `CROSS_OWNER` (another owner's, or tied to another scope) and
 * `NOT_OWNED` (nobody's: it fails closed).
 */
export function assertOwner<T>(value: T): T {
  const { storage, ownerships } = runtime()
  const state = stateOf(storage.getStore(), 'check who owns a value')
  const ownership =
    (typeof value === 'object' && value !== null) || typeof value === 'function'
      ? ownerships.get(value)
      : undefined
  if (ownership === undefined) {
    throw violation(
      'NOT_OWNED',
      `Cannot tell whose this ${describeType(value)} is: nobody owns it. Mark it with own() where it is made.`,
      describe(state),
    )
  }
  admit(ownership, state, 'use a value')
  return value
}

function admit(ownership: Ownership, state: ScopeState, attempt: string): void {
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

function describeType(value: unknown): string {
  return value === null ? 'null' : typeof value
}
