/** How a value is let go of: with a function of the application's, else with its own dispose method. */
export type Dispose<Value> = (value: Value) => unknown

// Node 20 has both symbols, but TypeScript's `using` on older runtimes installs them late: look each time.
const methods = ['asyncDispose', 'dispose'] as const

/** The way to let go of `value`, or undefined where there is nothing to do. */
export function disposalOf<Value>(
  value: Value,
  dispose: Dispose<Value> | undefined,
): (() => unknown) | undefined {
  if (dispose !== undefined) return () => dispose(value)
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return undefined
  for (const name of methods) {
    const symbol: symbol | undefined = Symbol[name]
    if (symbol === undefined) continue
    const method: unknown = Reflect.get(value, symbol)
    if (typeof method === 'function') return () => Reflect.apply(method, value, [])
  }
  return undefined
}
