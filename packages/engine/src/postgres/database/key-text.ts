/** What PostgreSQL cannot store in a text, or would store as something else, and the mark of this encoding itself. */
const unsafe = /[\\\0\p{Surrogate}]/gu

/**
 * A text as it can be stored, so that two different texts stay different: half a surrogate pair would become the
 * same replacement character whichever half it was, and two users would be one. Most texts are stored as they are.
 */
export function toKeyText(text: string): string {
  return text.replace(unsafe, (character) =>
    character === '\\' ? '\\\\' : `\\${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The text that was stored. */
export function fromKeyText(stored: string): string {
  return stored.replace(/\\(?:\\|([0-9a-f]{4}))/gu, (_, code: string | undefined) =>
    code === undefined ? '\\' : String.fromCharCode(Number.parseInt(code, 16)),
  )
}
