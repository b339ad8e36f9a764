interface SuppressedErrorConstructor {
  new (error: unknown, suppressed: unknown, message?: string): Error
}

/**
 * `error` with the earlier `suppressed` kept beside it, as explicit resource management does: the runtime's
 * own SuppressedError where there is one (Node 24), and the same shape on Node 20 and 22.
 */
export function suppress(error: unknown, suppressed: unknown): Error {
  const message = 'An error was thrown while another one was being handled'
  const native: unknown = Reflect.get(globalThis, 'SuppressedError')
  if (isConstructor(native)) return new native(error, suppressed, message)
  const made = new Error(message)
  for (const [name, value] of Object.entries({ name: 'SuppressedError', error, suppressed })) {
    Object.defineProperty(made, name, { value, configurable: true, writable: true })
  }
  return made
}

function isConstructor(value: unknown): value is SuppressedErrorConstructor {
  return typeof value === 'function'
}
