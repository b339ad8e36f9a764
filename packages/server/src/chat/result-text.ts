/** What a result says in words, for an agent that told none of it before its end: text, or `{ text }`. */
export function textOf(result: unknown): string | undefined {
  if (typeof result === 'string') return result
  if (typeof result !== 'object' || result === null || !('text' in result)) return undefined
  return typeof result.text === 'string' ? result.text : undefined
}
