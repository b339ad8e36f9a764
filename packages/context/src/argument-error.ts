/**
 * A call that makes no sense, such as `run` without a callback: the program's mistake and nobody's violation. It
 * is a TypeError with the stable code `INVALID_ARGUMENT`, thrown before anything happens; what only returns
 * promises rejects with it. The message names the call, the argument and the kind of what was given, never the
 * value.
 */
export class ArgumentError extends TypeError {
  override readonly name: string = 'ArgumentError'
  readonly code = 'INVALID_ARGUMENT'
}
