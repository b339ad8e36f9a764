/** What a program without types might pass for a `T`. */
export function untyped<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point
  return value as T
}
