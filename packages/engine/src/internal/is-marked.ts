/** Whether a value carries the mark. What throws when it is looked at, as a revoked proxy does, carries none. */
export function isMarked(value: unknown, mark: symbol): boolean {
  try {
    return typeof value === 'object' && value !== null && mark in value
  } catch {
    return false
  }
}
