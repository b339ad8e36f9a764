import type { Owner } from '../ownership/owner.ts'
import type { ScopeCell } from './scope-cell.ts'

/**
 * To whom a value belongs, kept beside the value in a WeakMap and never on it. A guarded value and what it stands
 * for share one, so that they change hands together.
 */
export interface Ownership {
  owner: Owner
  /** The scope that took ownership: the only one in which the value works when `bound` is set. */
  cell: ScopeCell
  bound: boolean
}
