const longestExcerpt = 40

/** A piece of a log as a message may show it: quoted, control characters escaped, about 40 characters. */
export const excerpt = (text: string): string => {
  const points = Array.from(text.slice(0, longestExcerpt * 2))
  const short =
    points.length <= longestExcerpt && text.length <= longestExcerpt * 2
      ? text
      : `${points.slice(0, longestExcerpt - 1).join('')}…`
  return JSON.stringify(short).replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * A log that cannot be read. The message names the line (counted from 1, the header included) and
 * the reason, and shows at most about 40 characters of a cell.
 */
export class UnreadableLogError extends Error {
  override readonly name = 'UnreadableLogError'
  readonly code = 'UNREADABLE_LOG'
  /** The line of the log, counted from 1. A row of several lines is named by its last one. */
  readonly line: number
  /** What is wrong, without the line. */
  readonly reason: string

  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`)
    this.line = line
    this.reason = reason
  }
}
