/** A property of something foreign; undefined where there is none, and where reading it throws. */
export function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    const property: unknown = Reflect.get(value, name)
    return property
  } catch {
    return undefined
  }
}
