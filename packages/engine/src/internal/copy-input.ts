import { EngineError } from '../errors/engine-error.ts'

export interface CopiedInput {
  readonly copy: unknown
  /** About how much memory it holds while it waits: characters of text, and a few for every other value. */
  readonly characters: number
}

const perValue = 8

/**
 * A copy of what the input schema let through, so that nobody who still holds the original can change what was
 * checked, and no two runs share it. Arrays and plain objects are copied; an instance of a class is handed on as it
 * is, because only its class knows how to copy it. Throws `INVALID_INPUT` for what is nested too deep to copy, and what throws when it is
 * read, and for what has more than `most` characters: it is copied no further.
 */
export function copyInput(value: unknown, subject: string, most: number = Infinity): CopiedInput {
  const seen = new Map<object, unknown>()
  let characters = 0

  function copyOf(original: unknown): unknown {
    if (typeof original === 'string') characters += original.length
    else characters += perValue
    if (typeof original !== 'object' || original === null) return original
    const known = seen.get(original)
    if (known !== undefined) return known
    refuseBeyond(characters + (Array.isArray(original) ? perValue * original.length : 0))
    if (Array.isArray(original)) {
      const list: unknown[] = []
      seen.set(original, list)
      for (const item of original as readonly unknown[]) list.push(copyOf(item))
      return list
    }
    const prototype: unknown = Object.getPrototypeOf(original)
    if (prototype !== null && prototype !== Object.prototype) return original
    const fields: Record<string, unknown> = prototype === null ? Object.create(null) : {}
    seen.set(original, fields)
    for (const [name, field] of Object.entries(original)) {
      characters += name.length
      if (name !== '__proto__') fields[name] = copyOf(field)
    }
    return fields
  }

  function refuseBeyond(known: number): void {
    if (known <= most) return
    throw new EngineError(
      'INVALID_INPUT',
      `${subject} takes about ${known} characters; at most ${most} are allowed.`,
      { issues: [{ path: '', message: 'too large' }] },
    )
  }

  try {
    const copy = copyOf(value)
    refuseBeyond(characters)
    return { copy, characters }
  } catch (cause) {
    if (EngineError.is(cause)) throw cause
    const what = cause instanceof RangeError ? 'is nested too deep' : 'cannot be read'
    throw new EngineError('INVALID_INPUT', `${subject} ${what}.`, { cause })
  }
}
