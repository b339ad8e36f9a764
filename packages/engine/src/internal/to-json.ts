import { deepFreeze } from './deep-freeze.ts'
import { copyPlain } from './copy-plain.ts'
import { EngineError } from '../errors/engine-error.ts'

/**
 * A frozen copy of a value as JSON carries it; null for undefined. Throws `INVALID_OUTPUT` for what JSON
 * cannot carry (a cycle, a bigint, a function, a Map, NaN: it would lose them without a word) and `RESULT_TOO_LARGE` beyond the limit.
 */
export function toJson(value: unknown, limitBytes: number, subject: string): unknown {
  if (value === undefined) return null
  const copied = copyPlain(value, limitBytes)
  if (copied !== undefined) return copied
  let text: string | undefined
  let least = 0
  // Whatever is too large is not written to its end first: a list with one far item has millions of others.
  const counted = (name: string, item: unknown): unknown => {
    if (typeof item === 'string') least += item.length
    else least += Array.isArray(item) ? item.length : 1
    if (least > limitBytes) throw new TooLarge()
    return carried(name, item)
  }
  try {
    text = JSON.stringify(value, counted)
  } catch (cause) {
    if (cause instanceof TooLarge) throw tooLarge(subject, `more than ${limitBytes}`, limitBytes)
    throw new EngineError('INVALID_OUTPUT', `${subject} cannot be written as JSON.`, { cause })
  }
  if (text === undefined) {
    throw new EngineError('INVALID_OUTPUT', `${subject} cannot be written as JSON.`)
  }
  // No code unit takes more than three bytes: what is far from the limit need not be encoded.
  const bytes = text.length * 3 <= limitBytes ? 0 : new TextEncoder().encode(text).byteLength
  if (bytes > limitBytes) throw tooLarge(subject, String(bytes), limitBytes)
  return deepFreeze(JSON.parse(text))
}

class TooLarge extends Error {}

function tooLarge(subject: string, bytes: string, limitBytes: number): EngineError {
  return new EngineError(
    'RESULT_TOO_LARGE',
    `${subject} takes ${bytes} bytes as JSON; at most ${limitBytes} are allowed.`,
  )
}

/** What JSON would turn into something else without a word is refused. What is left out, as undefined is, is not. */
function carried(name: string, value: unknown): unknown {
  const refuse = (what: string): never => {
    throw new TypeError(`${what} at "${name}" cannot be written as JSON`)
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return refuse(String(value))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  const lossy = value instanceof Map || value instanceof Set || Symbol.iterator in value
  const iterator = 'next' in value && typeof value.next === 'function'
  if (prototype !== null && prototype !== Object.prototype && (lossy || iterator)) {
    return refuse(`a ${value.constructor?.name ?? 'collection'}`)
  }
  return value
}
