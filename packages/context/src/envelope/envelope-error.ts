/**
 * Why an envelope was refused. Codes are stable: programs branch on them.
 *
 * - `EXPIRED`, `NOT_YET_VALID`: its time is over, or has not come (by more than the clock skew)
 * - `WRONG_AUDIENCE`, `WRONG_ISSUER`, `WRONG_DEFINITION`: it is meant for somebody else, the key is not the
 *   issuer's it names, or another kind of user context is in it
 * - `BAD_SIGNATURE`: it was altered, or made with a key that only has the right name
 * - `UNKNOWN_KEY`: the key it names is not, or no longer, among those accepted
 * - `FOREIGN_RUN`: it belongs to another run or attempt, or is one-use where a run's is expected, or the reverse
 * - `REPLAYED`: it is one-use, and was used
 * - `TOO_MANY_HOPS`: the transaction has gone through too many processes
 * - `TOO_LARGE`: it is longer than the limit; on opening, nothing of it was read
 * - `MALFORMED`: it is not an envelope
 * - `UNSEALABLE`: the context holds what JSON cannot say
 * - `STORE_UNAVAILABLE`: the replay store did not answer, so nobody knows whether it was used
 */
export type EnvelopeErrorCode =
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'WRONG_AUDIENCE'
  | 'WRONG_ISSUER'
  | 'WRONG_DEFINITION'
  | 'BAD_SIGNATURE'
  | 'UNKNOWN_KEY'
  | 'FOREIGN_RUN'
  | 'REPLAYED'
  | 'TOO_MANY_HOPS'
  | 'TOO_LARGE'
  | 'MALFORMED'
  | 'UNSEALABLE'
  | 'STORE_UNAVAILABLE'

const brand = Symbol.for('ringfence.envelope-error')

/** An envelope could not be sealed or opened. Says why, and never whose it is or what is in it. */
export class EnvelopeError extends Error {
  override readonly name: string = 'EnvelopeError'
  readonly code: EnvelopeErrorCode

  constructor(code: EnvelopeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for an error of this package, also one thrown by another copy of it. */
  static is(value: unknown): value is EnvelopeError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
