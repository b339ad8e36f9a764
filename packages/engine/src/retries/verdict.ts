import { ContextError } from '@ringfence/context'
import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'

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
  return retryable === false ? 'answered' : 'failed'
}

function verdictOnOwn({ code, cause }: EngineError): Verdict {
  if (code === 'TOOL_DEADLINE') return 'failed'
  if (code === 'TOOL_FAILED') return cause === undefined ? 'failed' : verdictOn(cause)
  return code === 'INVALID_OUTPUT' || code === 'RESULT_TOO_LARGE' ? 'answered' : 'unknown'
}

/** A property that is read without calling a getter of a foreign error's own. */
export function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    const property: unknown = Reflect.get(value, name)
    return property
  } catch {
    return undefined
  }
}
