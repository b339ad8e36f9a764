const brand = Symbol.for('ringfence.invalid-token')

/**
 * Thrown by an `Identify` for credentials that are there and wrong: expired, forged, for somebody else. The
 * client gets 401 with `error="invalid_token"` and nothing of the message.
 */
export class InvalidToken extends Error {
  override readonly name: string = 'InvalidToken'
  readonly code: string = 'invalid_token'

  constructor(message: string = 'The token is not valid', options?: ErrorOptions) {
    super(message, options)
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for this error, also one thrown by another copy of this package. */
  static is(value: unknown): value is InvalidToken {
    return typeof value === 'object' && value !== null && brand in value
  }
}
