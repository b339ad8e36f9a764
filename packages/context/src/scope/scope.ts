import type { Owner } from '../ownership/owner.ts'
import type { ContextAdditions, UserContext } from '../user-context/user-context.ts'

/** Work that outlived the scope it was started in: aborted, fenced, and no longer waited for (I4). */
export interface Orphan {
  /** What it was called when it was started. */
  readonly label: string
  readonly scopeId: string
  /** Resolves when the orphan really ends, however it ends. Never rejects. */
  readonly ended: Promise<void>
}

/** Told of every orphan of a scope. Runs in no scope. What it throws makes the scope's `run` reject. */
export type OrphanListener = (orphan: Orphan) => void

/** How a scope is opened. Every field is optional. */
export interface ScopeOptions {
  /** Names the scope in errors and logs. Default: the name of its definition. No user data in it. */
  readonly label?: string
  /**
   * Milliseconds until the scope is aborted with `DEADLINE_EXCEEDED`. Never later than the deadline of the
   * surrounding scope. Default: none of its own.
   */
  readonly deadlineMs?: number
  /** Aborts the scope when it aborts, with the same reason. */
  readonly signal?: AbortSignal
  /**
   * Milliseconds that work may still take after the scope is aborted. What has not ended by then is an
   * orphan: fenced, reported, no longer waited for. A scope opened inside is told to end then: it gives up its
   * own work, runs its cleanups, and closes first. Default: 5,000.
   */
  readonly closeBudgetMs?: number
  /** Milliseconds that all cleanups together may take. Default: 5,000. */
  readonly cleanupBudgetMs?: number
  /**
   * What becomes of work that is still running when the callback has returned. `wait`: it is joined, however
   * long it takes within the deadline. `abort`: it is told to stop and has the close budget for it. `report`: it
   * is fenced at once and reported as an orphan. Default: `wait`.
   */
  readonly unfinished?: 'wait' | 'abort' | 'report'
  /** Told of every orphan. Default: the surrounding scope's listener. */
  readonly onOrphan?: OrphanListener
}

/** A detached scope needs a deadline of its own: nothing else would end it. `Infinity` says so on purpose. */
export interface DetachOptions extends Omit<ScopeOptions, 'deadlineMs' | 'label'> {
  readonly deadlineMs: number
  /** Fields to add to, or narrow in, the inherited context. */
  readonly context?: ContextAdditions
}

/**
 * A lifetime with a user context. Opened once, closed once (I4); when it has closed, nothing of it works
 * but `id`, `label` and `lifecycle` (I5). Every other member throws `SCOPE_CLOSED` then, `SCOPE_LOST` when it is
 * used from no scope, and `CROSS_OWNER` from an open scope of another owner (I6). Only `abort` works from no
 * scope: a shutdown has none.
 */
export interface Scope {
  /** Unique in the process; fit for logs. */
  readonly id: string
  readonly label: string
  readonly lifecycle: 'open' | 'closing' | 'closed'
  readonly owner: Owner
  /** The frozen user context, whichever definition it came through. */
  readonly context: UserContext
  /**
   * Aborts when the scope is aborted (its deadline, its `signal`, its parent, `abort()`), and at the latest
   * when it closes. Listeners run in this scope (I7).
   */
  readonly signal: AbortSignal
  /** Whether `signal` has aborted, or would have: asking here makes none, and a signal is dear. */
  readonly aborted: boolean
  /** The `reason` of `signal`; undefined as long as the scope is not aborted. */
  readonly reason: unknown
  /** Epoch milliseconds, or undefined where neither this scope nor one around it has a deadline. */
  readonly deadline: number | undefined

  /**
   * Runs `cleanup` when the scope closes: last in, first out, each awaited, in this scope, with a signal of
   * its own, if it declares a parameter for one, that aborts when the cleanup budget is spent. Throws `SCOPE_CLOSING` while cleanups run.
   */
  defer(cleanup: (signal: AbortSignal) => unknown): void

  /**
   * Starts work that the scope waits for before it closes. The work gets the scope's signal. A failure that
   * nobody awaited makes the scope's `run` reject: it is never lost. Throws `SCOPE_CLOSING`, `SYNC_SCOPE`.
   */
  spawn<Result>(
    label: string,
    work: (signal: AbortSignal) => Result | PromiseLike<Result>,
  ): Promise<Result>

  /** Opens a child scope; `child` of the definition says more. A failure that nobody awaited is not lost either. */
  child<Result>(
    additions: ContextAdditions,
    options: ScopeOptions,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>

  /**
   * Runs work that must outlive this scope in a root scope of the same owner, with a copy of the context and
   * a deadline of its own. It does not hear of this scope's abort. A failure that nobody awaits does not end the
   * process; it is the caller's to look at. `onOrphan` is inherited where none is given. Throws `SCOPE_CLOSING`, `SYNC_SCOPE`.
   */
  detach<Result>(
    label: string,
    options: DetachOptions,
    work: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>

  /**
   * Aborts the scope and every scope opened inside it. The first reason stands; without one it is an
   * `AbortError`, as with AbortController. The scope ends when its work does, or when its close budget is spent.
   */
  abort(reason: unknown): void

  /**
   * Calls `listener` with the reason, in this scope, when the scope is aborted: at once where it is already, and
   * never because it closes. Returns how to take it back. Unlike a listener of `signal` it makes none. What it throws
   * is nobody's to catch, as what a listener of a signal throws.
   */
  onAbort(listener: (reason: unknown) => void): () => void
}
