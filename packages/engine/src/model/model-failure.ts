import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'

/**
 * What a failed call of a model is to its user: a code and a sentence. What the provider said may hold anything,
 * so it is the cause, for the log.
 */
export function modelFailure(error: unknown): EngineError | AgentError {
  if (EngineError.is(error) || AgentError.is(error)) return error
  const retryAfterMs = retryAfterOf(error)
  return new EngineError('MODEL_FAILED', "The model failed. The reason is in the server's log.", {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/**
 * Whether another try is sensible. Provider packages say so of their own errors (`isRetryable`); a model that never
 * began to answer, or whose answer broke off, may do better the next time.
 */
export function isPassing(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if (EngineError.is(error)) return error.code === 'MODEL_DEADLINE' || error instanceof BrokenAnswer
  if ('isRetryable' in error && typeof error.isRetryable === 'boolean') return error.isRetryable
  if ('statusCode' in error && typeof error.statusCode === 'number') {
    return [408, 409, 429].includes(error.statusCode) || error.statusCode >= 500
  }
  // What `fetch` and the body of a response throw where a connection fails.
  return error instanceof TypeError
}

/** How long the provider asked to be left alone, in milliseconds. */
export function retryAfterOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('responseHeaders' in error)) return undefined
  const headers = error.responseHeaders
  if (typeof headers !== 'object' || headers === null) return undefined
  const inMs = headerOf(headers, 'retry-after-ms')
  if (inMs !== undefined && Number(inMs) >= 0) return Math.ceil(Number(inMs))
  const after = headerOf(headers, 'retry-after')
  if (after === undefined) return undefined
  if (Number(after) >= 0) return Math.ceil(Number(after) * 1_000)
  const at = Date.parse(after)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}

function headerOf(headers: object, name: string): string | undefined {
  const value: unknown = Reflect.get(headers, name)
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

/** An answer that ended before it was complete. */
export class BrokenAnswer extends EngineError {
  constructor() {
    super('MODEL_FAILED', "The model's answer broke off.")
  }
}
