import { ContextError } from '@ringfence/context'
import { EngineError, type EngineErrorCode } from '@ringfence/engine'
import { InvalidToken } from '../identity/invalid-token.ts'
import { Problem, type ProblemCode } from './problem.ts'

const challenge = 'Bearer realm="ringfence"'

/** No credentials: RFC 6750 wants the challenge without an error. */
export function unauthenticated(detail?: string): Problem {
  return new Problem('unauthenticated', {
    headers: { 'www-authenticate': challenge },
    ...(detail === undefined ? {} : { detail }),
  })
}

export function invalidToken(): Problem {
  return new Problem('invalid_token', {
    headers: { 'www-authenticate': `${challenge}, error="invalid_token"` },
  })
}

/**
 * What a client may know of an error: a refusal keeps its code, everything else is an `internal_error` of
 * which only the request id gets out.
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (InvalidToken.is(error) || isRevoked(error)) return invalidToken()
  const refusal = EngineError.is(error) ? refusals[error.code]?.(error) : undefined
  return refusal ?? new Problem('internal_error')
}

/** Whether it was the revocation of its owner that ended what a request was at: its credentials are none any more. */
export function isRevoked(error: unknown): boolean {
  return ContextError.is(error) && error.code === 'REVOKED'
}

// What is not named here is a failure of the server, not of the request.
const refusals: Readonly<Partial<Record<EngineErrorCode, (error: EngineError) => Problem>>> = {
  UNKNOWN_AGENT: () => new Problem('agent_not_found'),
  FORBIDDEN: () => new Problem('forbidden'),
  RUN_NOT_FOUND: () => new Problem('run_not_found'),
  CURSOR_EVICTED: () =>
    new Problem('cursor_evicted', {
      detail: 'The events after this cursor are no longer kept. Read the run for its result.',
    }),
  INVALID_INPUT: ({ issues }) =>
    new Problem('invalid_input', {
      errors: issues.map(({ path, message }) => ({
        path: path === '' ? 'input' : `input.${path}`,
        message,
      })),
    }),
  THREAD_NOT_FOUND: () => new Problem('thread_not_found'),
  APPROVAL_NOT_FOUND: () => new Problem('approval_not_found'),
  RUN_GOES_ON: () => new Problem('run_goes_on'),
  DUPLICATE_MESSAGE: () => new Problem('duplicate_message'),
  MESSAGE_TOO_LARGE: () => new Problem('message_too_large'),
  THREAD_FULL: () => new Problem('thread_full'),
  APPROVAL_RESOLVED: () => new Problem('approval_resolved'),
  APPROVAL_LIMIT: later('approval_limit'),
  // One that is still being started says when to ask again: then the answer will be there.
  IDEMPOTENCY_CONFLICT: (error) =>
    error.retryAfterMs === undefined
      ? new Problem('idempotency_conflict')
      : later('request_in_progress')(error),
  IDEMPOTENCY_LIMIT: later('idempotency_limit'),
  BUDGET_EXCEEDED: later('budget_exceeded'),
  DELEGATION_TOO_DEEP: () => new Problem('delegation_too_deep'),
  SLOW_FOLLOWER: later('slow_follower'),
  CIRCUIT_OPEN: later('dependency_unavailable'),
  TOOL_QUARANTINED: later('dependency_unavailable'),
  MCP_UNAVAILABLE: later('dependency_unavailable'),
  STORE_TIMEOUT: later('dependency_unavailable'),
  STORE_UNAVAILABLE: later('dependency_unavailable'),
  OWNER_QUEUE_FULL: later('owner_queue_full'),
  THREAD_BUSY: later('thread_busy'),
  TOO_MANY_ORPHANS: later('too_many_orphans'),
  QUEUE_FULL: later('queue_full'),
  ENGINE_CLOSED: () => draining(),
}

/** A refusal that says when to try again. */
function later(code: ProblemCode): (error: EngineError) => Problem {
  return ({ retryAfterMs }) => new Problem(code, { headers: retryAfter(retryAfterMs) })
}

/** Refuses what would start something while the server shuts down. */
export function draining(): Problem {
  return new Problem('draining', { headers: retryAfter(undefined) })
}

/** At least a second: zero would ask for a retry at once. */
export function retryAfter(milliseconds: number | undefined): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil((milliseconds ?? 1_000) / 1_000))) }
}
