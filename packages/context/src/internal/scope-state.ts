import type { Owner } from '../ownership/owner.ts'
import type { OrphanListener, Scope } from '../scope/scope.ts'
import type { ContextDefinition, UserContext } from '../user-context/user-context.ts'
import type { Frame, ScopeCell } from './runtime.ts'

/** Something a scope waits for before it closes: a spawned task, or a scope opened inside it. */
export interface PendingWork {
  readonly label: string
  /** Settles when the work has really ended, however it ended. */
  readonly ended: Promise<void>
  abort?(reason: unknown): void
  /** Called when the scope stops waiting for it. */
  fence?(): void
}

/** A failed task, and whether anybody ever looked at its outcome. */
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
  /** Epoch milliseconds. */
  deadline: number | undefined
  deadlineTimer: ReturnType<typeof setTimeout> | undefined
  lifecycle: 'open' | 'closing'
  aborted: boolean
  reason: unknown
  /** Epoch milliseconds; the close budget counts from here. */
  abortedAt: number
  controller: AbortController | undefined
  onAbort: ((reason: unknown) => void) | undefined
  forgetSignal: (() => void) | undefined
  pending: Set<PendingWork> | undefined
  whenIdle: (() => void) | undefined
  failures: TaskFailure[] | undefined
  cleanups: Cleanup[] | undefined
}
