import { checkFunction, checkOptions, checkString } from '../internal/argument.ts'
import { runtime, type Frame, type Variables } from '../internal/runtime.ts'

/** A value that follows the flow of a program, as TC39's `AsyncContext.Variable` does. */
export interface Variable<Value> {
  /** What it was called when it was created; empty where it was not. */
  readonly name: string

  /**
   * Calls `callback` with `parameters`, with the variable set to `value` for it and for all that it starts.
   * Returns what it returns and throws what it throws; afterwards the variable is what it was before.
   */
  run<Parameters extends unknown[], Result>(
    value: Value,
    callback: (...parameters: Parameters) => Result,
    ...parameters: Parameters
  ): Result

  /** The value that the innermost `run` around the caller set; the default where there is none. */
  get(): Value
}

/** How a variable is created. Both are optional. */
export interface VariableOptions<Value> {
  /** For people and debuggers; need not be unique. Default: empty. */
  readonly name?: string
  /** What `get` returns where no `run` set a value. Default: `undefined`. */
  readonly defaultValue?: Value
}

/**
 * Creates a variable. It needs no scope, and it shares the one AsyncLocalStorage of Ringfence: a hundred
 * variables cost no more at an `await` than one. A scope keeps the variables of the code that opened it; `bind`
 * brings them home; what was bound before a variable was set reads it as unset. `runOutside` clears them all.
 *
 * A variable says what is going on, not whose it is: nothing cuts it when a scope closes. What belongs to a
 * user belongs into the user context (I2, I5).
 *
 * @example
 * const attempt = createVariable({ name: 'attempt', defaultValue: 0 })
 * attempt.run(2, () => attempt.get()) // => 2
 */
export function createVariable<Value>(
  options: VariableOptions<Value> & { readonly defaultValue: Value },
): Variable<Value>
export function createVariable<Value>(options?: VariableOptions<Value>): Variable<Value | undefined>
export function createVariable<Value>(
  options: VariableOptions<Value> = {},
): Variable<Value | undefined> {
  checkOptions('createVariable()', 'options', options, { name: true, defaultValue: true })
  const { name = '', defaultValue } = options
  checkString('createVariable()', 'name', name)

  function run<Parameters extends unknown[], Result>(
    value: Value | undefined,
    callback: (...parameters: Parameters) => Result,
    ...parameters: Parameters
  ): Result {
    checkFunction('run() of a variable', 'callback', callback)
    const { storage } = runtime()
    const here = storage.getStore()
    const variables: Variables = new Map(here?.variables).set(variable, value)
    const frame: Frame = { cell: here?.cell, work: here?.work, variables }
    return storage.run(frame, callback, ...parameters)
  }

  function get(): Value | undefined {
    const variables = runtime().storage.getStore()?.variables
    if (variables === undefined || !variables.has(variable)) return defaultValue
    // Only `run` above sets this key.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return variables.get(variable) as Value | undefined
  }

  const variable: Variable<Value | undefined> = Object.freeze({ name, run, get })
  return variable
}
