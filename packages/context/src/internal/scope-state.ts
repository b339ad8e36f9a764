import type { Owner } from '../ownership/owner.ts'
import type { OrphanListener, Scope } from '../scope/scope.ts'
import type { ContextDefinition, UserContext } from '../user-context/user-context.ts'
import type { Frame } from './runtime.ts'
import type { ScopeCell } from './scope-cell.ts'
import { partsOf, type Ending, type ScopeParts, type ScopeTerms } from './scope-parts.ts'

/** Milliseconds that work gets when its scope is aborted, and that cleanups get, where nobody said otherwise. */
export const usualBudgetMs = 5_000

/**
 * All that a scope has. A server holds thousands of them open that were asked for nothing but their user: the
 * fields here are what every scope needs, and what is dear or rare hangs on `parts`.
 */
export class ScopeState {
  declare readonly cell: ScopeCell & Scope
  declare readonly definition: ContextDefinition
  declare readonly context: UserContext
  /** Milliseconds after the runtime was claimed. Undefined in a synchronous scope, which has no use for a clock. */
  declare readonly openedAt: number | undefined
  declare controller: AbortController | undefined
  declare parts: ScopeParts | undefined
  /** While the callback runs: settles the promise of the run, with a promise where there is something to wait for. */
  declare settle: ((result: unknown) => void) | undefined
  /** While the callback runs: resolves when it has ended, however. */
  declare callbackEnded: Promise<void> | undefined
  /** The root scopes that were opened before and after this one. */
  declare older: ScopeState | undefined
  declare newer: ScopeState | undefined

  constructor(
    cell: ScopeCell & Scope,
    definition: ContextDefinition,
    context: UserContext,
    openedAt: number | undefined,
  ) {
    this.cell = cell
    this.definition = definition
    this.context = context
    this.openedAt = openedAt
    this.controller = undefined
    this.parts = undefined
    this.settle = undefined
    this.callbackEnded = undefined
    this.older = undefined
    this.newer = undefined
  }

  get scope(): Scope {
    return this.cell
  }

  get synchronous(): boolean {
    return this.openedAt === undefined
  }

  get owner(): Owner {
    return (partsOf(this).owner ??= ownerOf(this.context))
  }

  get parent(): ScopeState | undefined {
    return this.parts?.parent
  }

  get terms(): ScopeTerms | undefined {
    return this.parts?.terms
  }

  get ending(): Ending | undefined {
    return this.parts?.ending
  }

  get lifecycle(): 'open' | 'closing' {
    return this.ending?.closing === true ? 'closing' : 'open'
  }

  get aborted(): boolean {
    return this.ending !== undefined
  }

  get reason(): unknown {
    return this.ending?.reason
  }

  get frame(): Frame {
    return this.terms?.frame ?? this.cell
  }

  get label(): string {
    return this.terms?.label ?? this.definition.name
  }

  /** Epoch milliseconds. */
  get deadline(): number | undefined {
    return this.terms?.deadline
  }

  get closeBudgetMs(): number {
    return this.terms?.closeBudgetMs ?? usualBudgetMs
  }

  get cleanupBudgetMs(): number {
    return this.terms?.cleanupBudgetMs ?? usualBudgetMs
  }

  get unfinished(): 'wait' | 'abort' | 'report' {
    return this.terms?.unfinished ?? 'wait'
  }

  get onOrphan(): OrphanListener | undefined {
    return this.terms?.onOrphan
  }

  get site(): string | undefined {
    return this.terms?.site
  }
}

function ownerOf({ userId, tenantId }: UserContext): Owner {
  return Object.freeze(tenantId === undefined ? { userId } : { tenantId, userId })
}
