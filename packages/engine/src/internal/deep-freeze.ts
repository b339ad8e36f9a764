/** Freezes data, a tree without cycles, and returns it: what several readers share, none of them can change. */
export function deepFreeze<Data>(data: Data): Data {
  if (typeof data !== 'object' || data === null) return data
  // Not by a list of its names, which would be made for nothing else. A tree of data inherits none.
  for (const name in data) {
    const item: unknown = Reflect.get(data, name)
    if (typeof item === 'object' && item !== null) deepFreeze(item)
  }
  return Object.freeze(data)
}
