import { ContextError } from '@ringfence/context'
import { AgentError } from './agent-error.ts'
import { EngineError, type EngineErrorCode } from './engine-error.ts'

/** What a user is told of a failure. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** Code and message of an error that was made for the user; a fixed sentence for every other. */
export function describeFailure(error: unknown): Failure {
  if (EngineError.is(error) || AgentError.is(error)) {
    return { code: error.code, message: error.message }
  }
  if (isDeadline(error)) return { code: 'RUN_DEADLINE', message: 'The run took too long.' }
  return { code: 'AGENT_FAILED', message: "The agent failed. The reason is in the server's log." }
}

export function isDeadline(error: unknown): error is ContextError {
  return ContextError.is(error) && error.code === 'DEADLINE_EXCEEDED'
}

/** Work that ran in a scope of its own, and how its failures are called. */
export interface FailedWork {
  readonly subject: string
  readonly scopeId: string | undefined
  readonly limitMs: number
  readonly deadlineCode: EngineErrorCode
  readonly failureCode: EngineErrorCode
}

/**
 * The error that work fails with, seen from outside: its own deadline gets its own code; what was made for
 * the user, or came from further out (a cancel, the run's deadline), passes through; the rest is wrapped.
 */
export function failureOf(error: unknown, work: FailedWork): unknown {
  if (isDeadline(error)) {
    if (error.scopeId !== work.scopeId) return error
    return new EngineError(
      work.deadlineCode,
      `${work.subject} did not finish within ${work.limitMs} ms.`,
      { cause: error },
    )
  }
  if (EngineError.is(error) || AgentError.is(error)) return error
  return new EngineError(
    work.failureCode,
    `${work.subject} failed. The reason is in the server's log.`,
    {
      cause: error,
    },
  )
}
