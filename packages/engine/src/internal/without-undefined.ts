/** The fields that have a value. A limit that is given as undefined is not given, and never no limit. */
export function withoutUndefined<T extends object>(fields: T): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what may be absent is left out
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
