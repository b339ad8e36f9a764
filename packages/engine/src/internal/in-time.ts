import { EngineError, type EngineErrorCode } from '../errors/engine-error.ts'
import { timerMs } from './timer-ms.ts'

/** What was not done in time, as a sentence without its end, and how that is called. */
export interface Late {
  readonly code: EngineErrorCode
  readonly undone: string
}

/**
 * What a definition's own code takes its time for before the scope of the work is open, as a schema does that looks
 * something up. Rejects with `code` after so many milliseconds, and leaves no timer.
 */
export function inTime<Value>(
  value: Value | Promise<Value>,
  ms: number,
  { code, undone }: Late,
): Value | Promise<Value> {
  if (!(value instanceof Promise)) return value
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new EngineError(code, `${undone} within ${ms} ms.`))
    }, timerMs(ms))
    value.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
