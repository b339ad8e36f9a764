import { deepFreeze } from './deep-freeze.ts'
import { EngineError } from '../errors/engine-error.ts'

/**
 * A frozen copy of a value as JSON carries it. Throws `INVALID_OUTPUT` for what JSON cannot carry (a cycle, a
 * bigint) and `RESULT_TOO_LARGE` beyond the limit.
 */
export function toJson(value: unknown, limitBytes: number, subject: string): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new EngineError('INVALID_OUTPUT', `${subject} cannot be written as JSON.`, { cause })
  }
  if (text === undefined) return null
  const bytes = new TextEncoder().encode(text).byteLength
  if (bytes > limitBytes) {
    throw new EngineError(
      'RESULT_TOO_LARGE',
      `${subject} takes ${bytes} bytes as JSON; at most ${limitBytes} are allowed.`,
    )
  }
  return deepFreeze(JSON.parse(text))
}
