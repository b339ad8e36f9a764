import type { Owner } from '../ownership/owner.ts'
import type { OrphanListener, Scope } from '../scope/scope.ts'
import type { ContextDefinition, UserContext } from '../user-context/user-context.ts'
import type { Frame, ScopeCell } from './runtime.ts'

/** Something a scope waits for before it closes. */
export type PendingWork = PendingTask | PendingScope

export interface PendingTask {
  readonly label: string
  /** Resolves when the task has really ended, however it ended. Never rejects. */
  readonly ended: Promise<void>
  readonly scope: undefined
}

/** A scope opened inside: it is aborted with this one, and told when nobody waits any longer. */
export interface PendingScope {
  readonly scope: ScopeState
}

/** What a scope that waits, for its callback or for its pending work, has to be told. */
export interface Waiting {
  /** The scope was aborted: from now on there is only the close budget. */
  limit(): void
  /** There is no time left. */
  giveUp(): void
  /** Nothing is pending any more. */
  idle(): void
}

/** A failure of something that was started in the scope, and whether anybody ever looked at its outcome. */
export interface TaskFailure {
  readonly task: { readonly observed: boolean }
  readonly error: unknown
}

export type Cleanup = (signal: AbortSignal) => unknown

/** All that a scope has. The costly parts are absent until somebody asks for them. */
export interface ScopeState {
  readonly cell: ScopeCell
  readonly frame: Frame
  readonly scope: Scope
  readonly definition: ContextDefinition
  readonly context: UserContext
  readonly owner: Owner
  readonly parent: ScopeState | undefined
  readonly synchronous: boolean
  readonly closeBudgetMs: number
  readonly cleanupBudgetMs: number
  readonly onOrphan: OrphanListener | undefined
  readonly site: string | undefined
  readonly unfinished: 'wait' | 'abort' | 'report'
  /** Epoch milliseconds. */
  readonly openedAt: number
  /** Epoch milliseconds. */
  deadline: number | undefined
  stopDeadline: (() => void) | undefined
  lifecycle: 'open' | 'closing'
  aborted: boolean
  reason: unknown
  /** Epoch milliseconds at which an aborted scope stops waiting; Infinity until it is aborted. */
  closeBy: number
  /** Whether it has stopped waiting. */
  givenUp: boolean
  controller: AbortController | undefined
  forgetSignal: (() => void) | undefined
  pending: Set<PendingWork> | undefined
  waiting: Waiting | undefined
  failures: TaskFailure[] | undefined
  cleanups: Set<Cleanup> | undefined
}
