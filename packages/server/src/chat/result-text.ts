/** What a result says in words, for an agent that told none of it before its end: text, or `{ text }`. */
export function textOf(result: unknown): string | undefined {
  if (typeof result === 'string') return result
  if (typeof result !== 'object' || result === null || !('text' in result)) return undefined
  return typeof result.text === 'string' ? result.text : undefined
}

/** Whether the words of a result were told before the end, or have to be said there. */
export class ToldText {
  #told = ''
  #sinceDelegation = false

  add(delta: string): void {
    this.#told += delta
    this.#sinceDelegation = true
  }

  /** Another agent works now: if its answer becomes the result, what was told before was not that. */
  delegated(): void {
    this.#sinceDelegation = false
  }

  /** What was told is void. */
  restart(): void {
    this.#told = ''
    this.#sinceDelegation = false
  }

  /** What of the result was not told. */
  missing(result: unknown): string | undefined {
    if (this.#sinceDelegation) return undefined
    const text = textOf(result)
    const told = this.#told !== '' && text !== undefined && this.#told.endsWith(text)
    return told ? undefined : text
  }
}
