import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'
import { retryAfterOf } from '../retries/retry-after.ts'

/**
 * What a failed call of a model is to its user: a code and a sentence. What the provider said may hold anything,
 * so it is the cause, for the log.
 */
export function modelFailure(error: unknown): EngineError | AgentError {
  if (EngineError.is(error) || AgentError.is(error)) return error
  const retryAfterMs = retryAfterOf(error, Date.now())
  return new EngineError('MODEL_FAILED', "The model failed. The reason is in the server's log.", {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }),
  })
}

/** An answer that ended before it was complete. */
export class BrokenAnswer extends EngineError {
  constructor() {
    super('MODEL_FAILED', "The model's answer broke off.")
  }
}
