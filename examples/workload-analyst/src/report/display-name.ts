const longest = 80

/**
 * A name of the log as a result shows it: on one line, without control and direction characters,
 * at most 80 characters. It is still the user's text: escape it where it is rendered.
 */
export const displayName = (name: string): string => {
  const line = name
    .slice(0, 400)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
  const points = Array.from(line)
  return points.length <= longest ? line : `${points.slice(0, longest - 1).join('')}…`
}
