/**
 * Every code that a Ringfence context error can carry. Codes are stable: programs branch on them.
 *
 * - `NO_SCOPE`: nobody's code asked whose it is (I1)
 * - `SCOPE_LOST`: the same, but what it asked with had a scope: the context was lost on the way here (I1)
 * - `SCOPE_CLOSING`, `SCOPE_CLOSED`: the scope is ending, or has ended (I4, I5)
 * - `CROSS_OWNER`: one owner's code reached for another owner's scope or value (I3, I6, I7)
 * - `NOT_OWNED`: a value that nobody owns was offered where an owned one is required (I6)
 * - `CONTEXT_MISMATCH`: the scope was opened by another definition
 * - `INVALID_CONTEXT`: a user context did not pass its schema, or is not plain data (I2)
 * - `REVOKED`: every scope of this owner was ended
 * - `IMPERSONATION_REFUSED`: acting as somebody else was not allowed, or could not be recorded
 * - `DEADLINE_EXCEEDED`: the scope's deadline passed
 * - `SYNC_SCOPE`: asynchronous work was started in a scope opened by `runSync`
 * - `VERSION_CONFLICT`: two incompatible copies of this package share the process
 */
export type ContextErrorCode =
  | 'NO_SCOPE'
  | 'SCOPE_LOST'
  | 'SCOPE_CLOSING'
  | 'SCOPE_CLOSED'
  | 'CROSS_OWNER'
  | 'NOT_OWNED'
  | 'CONTEXT_MISMATCH'
  | 'INVALID_CONTEXT'
  | 'REVOKED'
  | 'IMPERSONATION_REFUSED'
  | 'DEADLINE_EXCEEDED'
  | 'SYNC_SCOPE'
  | 'VERSION_CONFLICT'

/** What an error can say about where it happened. Never another owner's data. */
export interface ContextErrorDetails {
  /** The scope in which, or against which, the call was made. */
  readonly scopeId?: string | undefined
  /** The canonical owner of the scope that made the call. Absent once that scope has closed. */
  readonly owner?: string | undefined
  /** The other scope of a `CROSS_OWNER`. Its owner is never named. */
  readonly otherScopeId?: string | undefined
  /** Where the scope of `scopeId` was opened; only with stacks on (see `captureSites`). */
  readonly site?: string | undefined
  /** Where the other scope of a `CROSS_OWNER` was opened; only with stacks on. */
  readonly otherSite?: string | undefined
  /** Paths and reasons of an `INVALID_CONTEXT`, without the values. */
  readonly issues?: readonly ContextIssue[] | undefined
}

/** One reason why a user context was refused: a path and a sentence, never the value. */
export interface ContextIssue {
  readonly path: string
  readonly message: string
}

const brand = Symbol.for('ringfence.context-error')

/**
 * What this package throws. `code` says which rule was broken, the message says what happened,
 * where, and what to do.
 *
 * @example
 * try { users.current() } catch (error) {
 *   if (ContextError.is(error) && error.code === 'NO_SCOPE') return anonymousPage()
 *   throw error
 * }
 */
export class ContextError extends Error {
  override readonly name: string = 'ContextError'
  readonly code: ContextErrorCode
  readonly scopeId: string | undefined
  readonly owner: string | undefined
  readonly otherScopeId: string | undefined
  readonly site: string | undefined
  readonly otherSite: string | undefined
  readonly issues: readonly ContextIssue[]

  constructor(
    code: ContextErrorCode,
    message: string,
    details: ContextErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.scopeId = details.scopeId
    this.owner = details.owner
    this.otherScopeId = details.otherScopeId
    this.site = details.site
    this.otherSite = details.otherSite
    this.issues = details.issues ?? []
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for an error of this package, also one thrown by another copy of it. */
  static is(value: unknown): value is ContextError {
    try {
      return typeof value === 'object' && value !== null && brand in value
    } catch {
      // A proxy that throws, or was revoked.
      return false
    }
  }
}
