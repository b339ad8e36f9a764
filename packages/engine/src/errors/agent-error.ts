import { isMarked } from '../internal/is-marked.ts'

const brand = Symbol.for('ringfence.agent-error')

/**
 * What an agent or a tool throws when its user should know why: code and message reach them in
 * `agent_error`. Anything else that is thrown reaches the log, and the user as `AGENT_FAILED` alone.
 *
 * @example
 * throw new AgentError('UNREADABLE_LOG', 'line 17: "tokens" is not a number')
 */
export class AgentError extends Error {
  override readonly name: string = 'AgentError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for an error of this kind, also one made by another copy of this package. */
  static is(value: unknown): value is AgentError {
    return isMarked(value, brand)
  }
}
