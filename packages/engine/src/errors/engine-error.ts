import { isMarked } from '../internal/is-marked.ts'

/**
 * Every code that an engine error can carry. Codes are stable: programs and clients branch on them.
 *
 * - registry: `UNKNOWN_AGENT`, `DUPLICATE_AGENT`, `REGISTRY_FROZEN`, `REGISTRY_NOT_FROZEN`,
 *   `MISSING_DEPENDENCY`, `DEPENDENCY_CYCLE`
 * - schemas: `INVALID_INPUT`, `INVALID_OUTPUT`, `RESULT_TOO_LARGE`
 * - runs: `RUN_NOT_FOUND` (missing and foreign alike), `RUN_ENDED`, `RUN_GOES_ON`, `CURSOR_EVICTED`, `CANCELLED`, `ENGINE_CLOSED`,
 *   `RUN_STATE` (an event that cannot follow), `ATTEMPT_OVER` (another attempt of the run has taken its place)
 * - limits: `OWNER_QUEUE_FULL`, `QUEUE_FULL`, `QUEUE_TIMEOUT`, `THREAD_BUSY`, `RUN_DEADLINE`, `STEP_DEADLINE`,
 *   `TOOL_DEADLINE`, `IDLE_DEADLINE`, `DELEGATION_TOO_DEEP`, `TOO_MANY_ORPHANS`, `TOOL_QUARANTINED`,
 *   `BUDGET_EXCEEDED`, `UNPRICED_MODEL`, `CIRCUIT_OPEN`, `SLOW_FOLLOWER`,
 *   `TOO_MUCH_PENDING`
 * - threads: `THREAD_NOT_FOUND` (missing and foreign alike), `MESSAGE_TOO_LARGE`, `THREAD_FULL`,
 *   `DUPLICATE_MESSAGE`, `TURN_OVER`
 * - approvals: `APPROVAL_NOT_FOUND` (missing and foreign alike), `APPROVAL_RESOLVED`, `APPROVAL_LIMIT`,
 *   `APPROVAL_DENIED`, `APPROVAL_EXPIRED`, `APPROVAL_UNAVAILABLE`
 * - idempotency: `IDEMPOTENCY_CONFLICT`, `IDEMPOTENCY_LIMIT`
 * - access: `FORBIDDEN`, `SYSTEM_ONLY`
 * - stores: `STORE_TIMEOUT` (it did not answer in time; what was asked may be done all the same), `STORE_UNAVAILABLE` (it broke off, as in
 *   an outage of its database; the reason is the `cause`), `UNSUPPORTED_RUNTIME`, `STORE_LOCKED`, `STORE_VERSION`,
 *   `STORE_UNFENCED` (its row-level security would not hold)
 * - failures: `AGENT_FAILED`, `TOOL_FAILED`
 * - migration: `DEPRECATED`
 * - models: `MODEL_FAILED`, `MODEL_DEADLINE`, `MODEL_OUTPUT_LIMIT`, `MODEL_FILTERED`, `MODEL_MISTAKEN`,
 *   `MODEL_STEP_LIMIT`, `DUPLICATE_TOOL`, `MCP_UNAVAILABLE`
 */
export type EngineErrorCode =
  | 'UNKNOWN_AGENT'
  | 'DUPLICATE_AGENT'
  | 'REGISTRY_FROZEN'
  | 'REGISTRY_NOT_FROZEN'
  | 'MISSING_DEPENDENCY'
  | 'DEPENDENCY_CYCLE'
  | 'INVALID_INPUT'
  | 'INVALID_OUTPUT'
  | 'RESULT_TOO_LARGE'
  | 'RUN_NOT_FOUND'
  | 'RUN_ENDED'
  | 'RUN_STATE'
  | 'RUN_GOES_ON'
  | 'ATTEMPT_OVER'
  | 'CURSOR_EVICTED'
  | 'CANCELLED'
  | 'ENGINE_CLOSED'
  | 'OWNER_QUEUE_FULL'
  | 'QUEUE_FULL'
  | 'QUEUE_TIMEOUT'
  | 'THREAD_BUSY'
  | 'RUN_DEADLINE'
  | 'STEP_DEADLINE'
  | 'TOOL_DEADLINE'
  | 'IDLE_DEADLINE'
  | 'DELEGATION_TOO_DEEP'
  | 'THREAD_NOT_FOUND'
  | 'MESSAGE_TOO_LARGE'
  | 'THREAD_FULL'
  | 'DUPLICATE_MESSAGE'
  | 'TURN_OVER'
  | 'APPROVAL_NOT_FOUND'
  | 'APPROVAL_RESOLVED'
  | 'APPROVAL_LIMIT'
  | 'APPROVAL_DENIED'
  | 'APPROVAL_EXPIRED'
  | 'APPROVAL_UNAVAILABLE'
  | 'IDEMPOTENCY_CONFLICT'
  | 'IDEMPOTENCY_LIMIT'
  | 'FORBIDDEN'
  | 'SYSTEM_ONLY'
  | 'TOO_MANY_ORPHANS'
  | 'TOOL_QUARANTINED'
  | 'BUDGET_EXCEEDED'
  | 'UNPRICED_MODEL'
  | 'CIRCUIT_OPEN'
  | 'SLOW_FOLLOWER'
  | 'TOO_MUCH_PENDING'
  | 'STORE_TIMEOUT'
  | 'STORE_UNAVAILABLE'
  | 'UNSUPPORTED_RUNTIME'
  | 'STORE_LOCKED'
  | 'STORE_VERSION'
  | 'STORE_UNFENCED'
  | 'AGENT_FAILED'
  | 'TOOL_FAILED'
  | 'DEPRECATED'
  | 'MODEL_FAILED'
  | 'MODEL_DEADLINE'
  | 'MODEL_OUTPUT_LIMIT'
  | 'MODEL_FILTERED'
  | 'MODEL_MISTAKEN'
  | 'MODEL_STEP_LIMIT'
  | 'DUPLICATE_TOOL'
  | 'MCP_UNAVAILABLE'

/** One reason why a value did not fit its schema: where, and what was expected. Never the value. */
export interface SchemaIssue {
  readonly path: string
  readonly message: string
}

export interface EngineErrorDetails {
  readonly issues?: readonly SchemaIssue[]
  /** Milliseconds after which trying again is sensible. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

const brand = Symbol.for('ringfence.engine-error')

/** What the engine throws and what a failed run ends with. Its message is fit for the run's own user. */
export class EngineError extends Error {
  override readonly name: string = 'EngineError'
  readonly code: EngineErrorCode
  readonly issues: readonly SchemaIssue[]
  readonly retryAfterMs: number | undefined

  constructor(code: EngineErrorCode, message: string, details: EngineErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.issues = details.issues ?? []
    this.retryAfterMs = details.retryAfterMs
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for an error of this package, also one thrown by another copy of it. */
  static is(value: unknown): value is EngineError {
    return isMarked(value, brand)
  }
}

/** Whether an error of the engine's has a reason that its user is not told, so that the log has to have it. */
export function hasReason(error: unknown): error is EngineError {
  return EngineError.is(error) && error.cause !== undefined
}
