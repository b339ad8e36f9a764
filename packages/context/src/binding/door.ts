import type { ScopeCell } from '../internal/scope-cell.ts'
import { callerNow, crossOwner } from '../internal/violation.ts'
import { sameOwner, type Owner } from '../ownership/owner.ts'

/** Lets the caller read, or throws before anything is read. */
export type Door = <Result>(attempt: string, read: () => Result) => Result

/**
 * A door for what may be read after its scope has closed, such as the rest of a copied body: open to the owner's
 * scopes and to code that runs for nobody, as a server that sends it. Throws `CROSS_OWNER` for everybody else, and `SCOPE_CLOSED` in work that outlived its scope.
 */
export function doorOf(owner: Owner, cell: ScopeCell): Door {
  return (attempt, read) => {
    const caller = callerNow(attempt)
    if (caller !== undefined && !sameOwner(caller.context, owner)) {
      const advice = 'A response is for its own owner: make one in the scope that sends it.'
      throw crossOwner(caller, attempt, advice, cell)
    }
    return read()
  }
}
