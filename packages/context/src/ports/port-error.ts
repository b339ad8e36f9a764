/**
 * Why a message got no answer. Codes are stable.
 *
 * - `PORT_CLOSED`: the port closed, or the worker ended, before the answer came
 * - `PORT_FAILED`: the platform reported an error of the port or the worker
 * - `REMOTE_ERROR`: the other side threw; `remoteName` and `remoteCode` say what
 * - `NOT_ADMITTED`: the other side refused the context: it takes sealed ones only, or none that are sealed
 */
export type PortErrorCode = 'PORT_CLOSED' | 'PORT_FAILED' | 'REMOTE_ERROR' | 'NOT_ADMITTED'

const brand = Symbol.for('ringfence.port-error')

/** A message got no answer, or an error for one. */
export class PortError extends Error {
  override readonly name: string = 'PortError'
  readonly code: PortErrorCode
  /** The name of the error that the other side threw. */
  readonly remoteName: string | undefined
  /** Its code, if it had one: `INVALID_CONTEXT`, `EXPIRED`. */
  readonly remoteCode: string | undefined

  constructor(
    code: PortErrorCode,
    message: string,
    remote: { readonly name?: string | undefined; readonly code?: string | undefined } = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.remoteName = remote.name
    this.remoteCode = remote.code
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for an error of this package, also one thrown by another copy of it. */
  static is(value: unknown): value is PortError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
