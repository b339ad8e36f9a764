/**
 * Goes on with a value, at once where it is there. An answer that waits for nothing is one that Node's adapter writes
 * at once, too: a promise in between costs more than a scope.
 */
export function onwards<Value, Result>(
  value: Value | PromiseLike<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return isPromiseLike(value) ? Promise.resolve(value).then(next) : next(value)
}

/** `try` and `catch` around work that may be done at once. */
export function guarded<Result>(
  work: () => Result | Promise<Result>,
  caught: (error: unknown) => Result | Promise<Result>,
): Result | Promise<Result> {
  try {
    const result = work()
    return isPromiseLike(result) ? Promise.resolve(result).catch(caught) : result
  } catch (error) {
    return caught(error)
  }
}

export function isPromiseLike<Value>(
  value: Value | PromiseLike<Value>,
): value is PromiseLike<Value> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
