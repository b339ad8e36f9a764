import { ContextError } from '@ringfence/context'
import { maskMessage } from '../events/mask-text.ts'
import { redactNothing, type Redact } from '../events/redaction.ts'
import { cut } from '../internal/cut.ts'
import { propertyOf } from '../internal/property-of.ts'
import { AgentError } from './agent-error.ts'
import { EngineError, type EngineErrorCode } from './engine-error.ts'

/** What a user is told of a failure. */
export interface Failure {
  readonly code: string
  readonly message: string
  /** Milliseconds after which trying again is sensible; absent where nobody can say. */
  readonly retryAfterMs?: number | undefined
}

const longestMessage = 500
/** What lies beyond is not shown, however much is left out of what comes before. */
const longestLooked = 10_000
const longestCode = 100
/** Failures of cleanups that hold each other. */
const mostSuppressed = 100

/**
 * Code and message of an error that was made for the user; a fixed sentence for every other. A deadline gets
 * here as itself where it struck further out: it is the run's, or that of a step around this work. Never throws,
 * whatever was thrown: without this, a run would have no end.
 */
export function describeFailure(
  error: unknown,
  runScopeId?: string,
  redact: Redact = redactNothing,
): Failure {
  if (isForUser(error)) {
    const message = cut(maskMessage(redact(error.message.slice(0, longestLooked))), longestMessage)
    const retryAfterMs = EngineError.is(error) ? error.retryAfterMs : undefined
    const { code } = error
    return retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs }
  }
  if (isDeadline(error)) {
    return error.scopeId === runScopeId
      ? { code: 'RUN_DEADLINE', message: 'The run took too long.' }
      : { code: 'STEP_DEADLINE', message: 'The step that this belongs to took too long.' }
  }
  if (isRevocation(error)) {
    return { code: 'REVOKED', message: 'The run was ended because its user was revoked.' }
  }
  return { code: 'AGENT_FAILED', message: "The agent failed. The reason is in the server's log." }
}

/** An error that was made for the user, and has what they are told. What only looks like one is any other error. */
function isForUser(error: unknown): error is EngineError | AgentError {
  if (!EngineError.is(error) && !AgentError.is(error)) return false
  const code = propertyOf(error, 'code')
  if (typeof code !== 'string' || code === '' || code.length > longestCode) return false
  return typeof propertyOf(error, 'message') === 'string'
}

function isDeadline(error: unknown): error is ContextError {
  return ContextError.is(error) && error.code === 'DEADLINE_EXCEEDED'
}

function isRevocation(error: unknown): error is ContextError {
  return ContextError.is(error) && error.code === 'REVOKED'
}

/** The scope that work ran in: what is to be known of it when it has closed. */
export interface WorkScope {
  /** Undefined until it is opened. */
  id: string | undefined
  /** Whether the work threw by itself, and not because the scope was aborted. */
  failedItself: boolean
}

export function newWorkScope(): WorkScope {
  return { id: undefined, failedItself: false }
}

/** Work that ran in a scope of its own, and how its failures are called. */
export interface FailedWork {
  readonly subject: string
  readonly scope: WorkScope
  readonly limitMs: number
  readonly deadlineCode: EngineErrorCode
  readonly failureCode: EngineErrorCode
}

/**
 * The error that work fails with, seen from outside: its own deadline gets its own code; what was made for
 * the user, or came from further out (a cancel, the run's deadline), passes through; the rest is wrapped.
 */
export function failureOf(thrown: unknown, work: FailedWork): unknown {
  const error = firstOf(thrown)
  const { subject, scope, limitMs } = work
  // A deadline that did not abort this scope is one that the work's own code set.
  if (isDeadline(error) && !scope.failedItself) {
    if (error.scopeId !== scope.id) return error
    const message = `${subject} did not finish within ${limitMs} ms.`
    return new EngineError(work.deadlineCode, message, { cause: thrown })
  }
  if (isRevocation(error) && !scope.failedItself) return error
  if (isForUser(error)) return error
  const message = `${subject} failed. The reason is in the server's log.`
  return new EngineError(work.failureCode, message, { cause: thrown })
}

/** What failed first, where a cleanup failed as well: the later one holds the earlier one as `suppressed`. */
function firstOf(error: unknown): unknown {
  let first = error
  for (let depth = 0; depth < mostSuppressed; depth += 1) {
    if (propertyOf(first, 'name') !== 'SuppressedError') return first
    const suppressed = propertyOf(first, 'suppressed')
    if (suppressed === undefined) return first
    first = suppressed
  }
  return error
}
