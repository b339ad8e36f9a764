import { ContextError } from '@ringfence/context'
import { AgentError } from '../errors/agent-error.ts'
import { EngineError, type EngineErrorCode } from '../errors/engine-error.ts'
import { propertyOf } from '../internal/property-of.ts'

/**
 * What an error says of the dependency that was called: it `failed` and may do better next time, it `answered`
 * (a refusal is an answer), or nothing is known of it.
 */
export type Verdict = 'failed' | 'answered' | 'unknown'

/**
 * A mistake in what was sent or returned, a budget, a cancel and a scope that closed come out the same however
 * often they are tried. An error may say so itself: `isRetryable`, as those of the AI SDK do.
 */
export function verdictOn(error: unknown): Verdict {
  if (EngineError.is(error)) return verdictOnOwn(error)
  if (ContextError.is(error)) return 'unknown'
  const retryable = propertyOf(error, 'isRetryable')
  if (AgentError.is(error)) return retryable === true ? 'failed' : 'answered'
  if (typeof retryable === 'boolean') return retryable ? 'failed' : 'answered'
  const status = propertyOf(error, 'statusCode')
  return typeof status === 'number' && isRefusal(status) ? 'answered' : 'failed'
}

/** An answer of a server that would be the same again. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && !passing.has(status)
}

const passing = new Set([408, 409, 425, 429])

const answers = new Set<EngineErrorCode>([
  'INVALID_OUTPUT',
  'MODEL_FILTERED',
  'MODEL_OUTPUT_LIMIT',
  'RESULT_TOO_LARGE',
])

function verdictOnOwn({ code, cause }: EngineError): Verdict {
  if (code === 'TOOL_DEADLINE' || code === 'MODEL_DEADLINE') return 'failed'
  if (code === 'TOOL_FAILED' || code === 'MODEL_FAILED') {
    return cause === undefined ? 'failed' : verdictOn(cause)
  }
  return answers.has(code) ? 'answered' : 'unknown'
}
