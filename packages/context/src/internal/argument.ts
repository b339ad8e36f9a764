import { ArgumentError } from '../argument-error.ts'

/** What a value is, for a message: a kind and never the value, which may be a user's. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/** The one wording of all mistakes: `Expected \`callback\` of run() to be a function, got undefined`. */
export function wrongArgument(
  call: string,
  name: string,
  expected: string,
  got: string,
): ArgumentError {
  return new ArgumentError(`Expected \`${name}\` of ${call} to be ${expected}, got ${got}`)
}

export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== 'function') throw wrongArgument(call, name, 'a function', kindOf(value))
}

export function checkOptionalFunction(call: string, name: string, value: unknown): void {
  if (value !== undefined) checkFunction(call, name, value)
}

/** An object with fields to read: options, an owner, a context to add. */
export function checkObject(call: string, name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw wrongArgument(call, name, 'an object', kindOf(value))
}

/** The names that a kind of options has, each once: `{ label: true }`. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/** An object with no other names than these: a limit that is misspelt must not be no limit. */
export function checkOptions<Options>(
  call: string,
  name: string,
  value: Options,
  names: OptionNames<Options>,
): void {
  checkObject(call, name, value)
  // Not told which: a table by user id that was passed by mistake has users for names.
  if (Object.keys(Object(value)).every((given) => Object.hasOwn(names, given))) return
  const known = Object.keys(names).join(', ')
  throw wrongArgument(call, name, `made of ${known} and nothing else`, 'another name')
}

export function checkString(call: string, name: string, value: unknown): void {
  if (typeof value !== 'string') throw wrongArgument(call, name, 'a string', kindOf(value))
}

export function checkBoolean(call: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrongArgument(call, name, 'true or false', kindOf(value))
}

/** Milliseconds, none of them negative; `Infinity` unless there is a longest. */
export function checkDuration(
  call: string,
  name: string,
  value: unknown,
  longest: number = Infinity,
): void {
  if (typeof value === 'number' && value >= 0 && value <= longest) return
  const upTo = longest === Infinity ? '' : ` and <= ${longest}`
  throw wrongArgument(call, name, `milliseconds >= 0${upTo}`, numberOrKind(value))
}

export function checkPositiveDuration(call: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0) return
  throw wrongArgument(call, name, 'milliseconds > 0', numberOrKind(value))
}

export function checkCount(call: string, name: string, value: unknown, least: number = 1): void {
  if (Number.isInteger(value) && Number(value) >= least) return
  throw wrongArgument(call, name, `an integer >= ${least}`, numberOrKind(value))
}

/** Something with these methods, whatever its class: an emitter, a target, somebody else's queue. */
export function checkMethods(
  call: string,
  name: string,
  value: unknown,
  methods: readonly string[],
): void {
  const able = (typeof value === 'object' && value !== null) || typeof value === 'function'
  const missing = able
    ? methods.find((method) => typeof Reflect.get(value, method) !== 'function')
    : methods[0]
  if (missing === undefined) return
  const got = able ? `${kindOf(value)} without ${missing}()` : kindOf(value)
  throw wrongArgument(call, name, `something with ${methods.join('(), ')}()`, got)
}

export function checkSignal(call: string, name: string, value: unknown): void {
  const listens = ['addEventListener', 'removeEventListener']
  const able = typeof value === 'object' && value !== null && 'aborted' in value
  if (able && listens.every((method) => typeof Reflect.get(value, method) === 'function')) return
  throw wrongArgument(call, name, 'an AbortSignal', kindOf(value))
}

/** What `for await` takes. */
export function checkIterable(call: string, name: string, value: unknown): void {
  const able = (typeof value === 'object' && value !== null) || typeof value === 'function'
  if (able && (Symbol.asyncIterator in value || Symbol.iterator in value)) return
  throw wrongArgument(call, name, 'an iterable', kindOf(value))
}

/** A Response, also one of another realm or of a polyfill. */
export function checkResponse(call: string, name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && 'body' in value && 'headers' in value) return
  throw wrongArgument(call, name, 'a Response', kindOf(value))
}

// A number is a number of milliseconds or of things, and no secret.
function numberOrKind(value: unknown): string {
  return typeof value === 'number' ? String(value) : kindOf(value)
}
