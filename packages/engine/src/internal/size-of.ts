/** What a value holds itself: it can be written nowhere. */
export class Cyclic extends Error {}

const perValue = 8

/**
 * About how many bytes a value takes: of its text as UTF-8, of binary data, and a few for every other value. Stops
 * counting beyond `enough`. Calls no getter. Throws Cyclic for what holds itself, and RangeError for what is nested
 * beyond the stack.
 */
export function sizeOf(value: unknown, enough: number): number {
  const above = new Set<object>()
  let bytes = 0

  function add(part: unknown): void {
    if (bytes > enough) return
    if (typeof part === 'string') bytes += bytesOf(part, enough - bytes)
    else bytes += perValue
    if (typeof part !== 'object' || part === null) return
    if (ArrayBuffer.isView(part) || part instanceof ArrayBuffer) {
      bytes += part.byteLength
      return
    }
    if (above.has(part)) throw new Cyclic()
    above.add(part)
    addParts(part)
    above.delete(part)
  }

  function addParts(part: object): void {
    if (part instanceof Map || part instanceof Set) {
      for (const item of part) add(item)
    }
    const names = Object.keys(part)
    // What a list leaves out is written all the same.
    if (Array.isArray(part)) bytes += perValue * Math.max(0, part.length - names.length)
    for (const name of names) {
      if (bytes > enough) return
      if (!Array.isArray(part)) bytes += bytesOf(name, enough - bytes)
      add(Object.getOwnPropertyDescriptor(part, name)?.value)
    }
  }

  add(value)
  return bytes
}

/** Bytes of a text as UTF-8, or something beyond `enough`. */
export function bytesOf(text: string, enough: number): number {
  // No text takes fewer bytes than it has code units.
  if (text.length > enough) return text.length
  let bytes = text.length
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    // Half of a pair takes two of its four bytes.
    if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) bytes += 2
    else if (code >= 0x80) bytes += 1
  }
  return bytes
}
