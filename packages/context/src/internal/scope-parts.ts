import type { Owner } from '../ownership/owner.ts'
import type { OrphanListener } from '../scope/scope.ts'
import type { Frame } from './runtime.ts'
import type { ScopeState } from './scope-state.ts'

/** The parts of a scope that most scopes never need. Made together when the first of them is asked for. */
export interface ScopeParts {
  parent: ScopeState | undefined
  terms: ScopeTerms | undefined
  ending: Ending | undefined
  pending: Set<PendingWork> | undefined
  waiting: Waiting | undefined
  failures: TaskFailure[] | undefined
  cleanups: Set<Cleanup> | undefined
  /** A single one without a set around it: a server has as many scopes as connections. */
  abortListeners: AbortListener | Set<AbortListener> | undefined
  owner: Owner | undefined
}

/** On what terms a scope was opened, where they are not the usual ones. */
export interface ScopeTerms {
  readonly label: string
  readonly closeBudgetMs: number
  readonly cleanupBudgetMs: number
  readonly unfinished: 'wait' | 'abort' | 'report'
  readonly onOrphan: OrphanListener | undefined
  readonly site: string | undefined
  /** The scope's frame where variables are set in it. */
  readonly frame: Frame | undefined
  /** Epoch milliseconds. */
  deadline: number | undefined
  stopDeadline: (() => void) | undefined
  forgetSignal: (() => void) | undefined
}

/** That a scope was aborted, or is closing. */
export interface Ending {
  readonly reason: unknown
  /** Epoch milliseconds at which the scope stops waiting; Infinity where only its closing ended it. */
  closeBy: number
  /** Whether it has stopped waiting. */
  givenUp: boolean
  closing: boolean
  /** Stops the wait for a callback that may ignore the abort. */
  stopTimer: (() => void) | undefined
}

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

/** What a scope that waits for its pending work has to be told. */
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

export type AbortListener = (reason: unknown) => void

/** The parts of a scope, made now if they were not. */
export function partsOf(state: ScopeState): ScopeParts {
  return (state.parts ??= {
    parent: undefined,
    terms: undefined,
    ending: undefined,
    pending: undefined,
    waiting: undefined,
    failures: undefined,
    cleanups: undefined,
    abortListeners: undefined,
    owner: undefined,
  })
}
