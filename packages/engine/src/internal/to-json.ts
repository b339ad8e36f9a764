import { deepFreeze } from './deep-freeze.ts'
import { EngineError } from '../errors/engine-error.ts'

/**
 * A frozen copy of a value as JSON carries it; null for undefined. Throws `INVALID_OUTPUT` for what JSON
 * cannot carry (a cycle, a bigint, a function) and `RESULT_TOO_LARGE` beyond the limit.
 */
export function toJson(value: unknown, limitBytes: number, subject: string): unknown {
  if (value === undefined) return null
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new EngineError('INVALID_OUTPUT', `${subject} cannot be written as JSON.`, { cause })
  }
  if (text === undefined) {
    throw new EngineError('INVALID_OUTPUT', `${subject} cannot be written as JSON.`)
  }
  const bytes = new TextEncoder().encode(text).byteLength
  if (bytes > limitBytes) {
    throw new EngineError(
      'RESULT_TOO_LARGE',
      `${subject} takes ${bytes} bytes as JSON; at most ${limitBytes} are allowed.`,
    )
  }
  return deepFreeze(JSON.parse(text))
}
