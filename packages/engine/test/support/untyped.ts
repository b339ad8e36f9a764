/** What a program without types might pass for a `T`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it pretends
export function untyped<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the point
  return value as T
}
