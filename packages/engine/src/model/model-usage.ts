/** What one call of a model used. */
export interface ModelUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** True where the provider did not say, because the answer was broken off: counted from characters then. */
  readonly estimated: boolean
}

// About how many characters of English make a token; only used where a provider did not get to say.
const charactersPerToken = 4

/** The tokens that a provider tells of. Undefined where it tells of none. */
export function readUsage(usage: unknown): ModelUsage | undefined {
  const inputTokens = totalOf(usage, 'inputTokens')
  const outputTokens = totalOf(usage, 'outputTokens')
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  return { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0, estimated: false }
}

/** What a call used whose end was not seen: it is paid for all the same. */
export function estimateUsage(promptCharacters: number, answerCharacters: number): ModelUsage {
  return {
    inputTokens: Math.ceil(promptCharacters / charactersPerToken),
    outputTokens: Math.ceil(answerCharacters / charactersPerToken),
    estimated: true,
  }
}

function totalOf(usage: unknown, name: string): number | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined
  const tokens: unknown = Reflect.get(usage, name)
  if (typeof tokens !== 'object' || tokens === null || !('total' in tokens)) return undefined
  const { total } = tokens
  return typeof total === 'number' && Number.isFinite(total) && total >= 0 ? total : undefined
}
