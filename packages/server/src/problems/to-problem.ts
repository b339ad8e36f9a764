import { EngineError, type EngineErrorCode } from '@ringfence/engine'
import { InvalidToken } from '../identity/invalid-token.ts'
import { Problem } from './problem.ts'

const challenge = 'Bearer realm="ringfence"'

/** No credentials: RFC 6750 wants the challenge without an error. */
export function unauthenticated(): Problem {
  return new Problem('unauthenticated', { headers: { 'www-authenticate': challenge } })
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
  if (InvalidToken.is(error)) return invalidToken()
  const refusal = EngineError.is(error) ? refusals[error.code]?.(error) : undefined
  return refusal ?? new Problem('internal_error')
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
  OWNER_QUEUE_FULL: (error) =>
    new Problem('owner_queue_full', { headers: retryAfter(error.retryAfterMs) }),
  THREAD_BUSY: (error) => new Problem('thread_busy', { headers: retryAfter(error.retryAfterMs) }),
  TOO_MANY_ORPHANS: (error) =>
    new Problem('too_many_orphans', { headers: retryAfter(error.retryAfterMs) }),
  QUEUE_FULL: (error) => new Problem('queue_full', { headers: retryAfter(error.retryAfterMs) }),
  ENGINE_CLOSED: () => draining(),
}

/** Refuses what would start something while the server shuts down. */
export function draining(): Problem {
  return new Problem('draining', { headers: retryAfter(undefined) })
}

/** At least a second: zero would ask for a retry at once. */
export function retryAfter(milliseconds: number | undefined): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil((milliseconds ?? 1_000) / 1_000))) }
}
