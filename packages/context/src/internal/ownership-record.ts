import type { Owner } from '../ownership/owner.ts'
import type { ScopeCell } from './scope-cell.ts'

/** To whom a value belongs, kept beside the value in a WeakMap and never on it. */
export interface Ownership {
  readonly owner: Owner
  /** The scope that took ownership: the only one in which the value works when `bound` is set. */
  readonly cell: ScopeCell
  readonly bound: boolean
}
