/** What one call of a model used. */
export interface ModelUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** The part of the input that came from the provider's cache. */
  readonly cachedTokens?: number
  /** The part of the output that was reasoning. */
  readonly reasoningTokens?: number
  /** True where the provider did not say, because the answer was broken off: counted from characters then. */
  readonly estimated: boolean
}

// About how many characters of English make a token; only used where a provider did not get to say.
const charactersPerToken = 4

/** More than any model reads or writes; what a provider tells beyond it is a mistake. */
const mostTokens = 1_000_000_000_000

/** The tokens that a provider tells of. Undefined where it tells of none. */
export function readUsage(usage: unknown): ModelUsage | undefined {
  const inputTokens = tokensOf(usage, 'inputTokens', 'total')
  const outputTokens = tokensOf(usage, 'outputTokens', 'total')
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  const cachedTokens = tokensOf(usage, 'inputTokens', 'cacheRead')
  const reasoningTokens = tokensOf(usage, 'outputTokens', 'reasoning')
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
    estimated: false,
  }
}

/** What a call used whose end was not seen: it is paid for all the same. */
export function estimateUsage(promptCharacters: number, answerCharacters: number): ModelUsage {
  return {
    inputTokens: Math.ceil(promptCharacters / charactersPerToken),
    outputTokens: Math.ceil(answerCharacters / charactersPerToken),
    estimated: true,
  }
}

/** A whole number of tokens, or undefined where none is told: providers are not to be trusted with types. */
function tokensOf(usage: unknown, name: string, part: string): number | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined
  const tokens: unknown = Reflect.get(usage, name)
  if (typeof tokens !== 'object' || tokens === null) return undefined
  const count: unknown = Reflect.get(tokens, part)
  if (typeof count !== 'number' || !(count >= 0) || count > mostTokens) return undefined
  return Math.ceil(count)
}
