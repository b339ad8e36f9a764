/** One call of a sample log. */
export interface SampleCall {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly model: string
  readonly feature: string
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly latencyMs: number
  readonly status: 'ok' | 'error'
  readonly promptHash: string
  /** Empty where the prompts of the feature have no common beginning. */
  readonly prefixHash: string
  readonly prefixTokens: number
}

const csvHeader =
  'timestamp,model,feature,input_tokens,cached_tokens,output_tokens,latency_ms,status,prompt_hash,prefix_hash,prefix_tokens'

/** Writes calls as a CSV file. */
export const toCsv = (calls: readonly SampleCall[]): string =>
  [
    csvHeader,
    ...calls.map((call) =>
      [
        new Date(call.time).toISOString(),
        call.model,
        call.feature,
        call.inputTokens,
        call.cachedTokens,
        call.outputTokens,
        call.latencyMs,
        call.status,
        call.promptHash,
        call.prefixHash,
        call.prefixTokens,
      ].join(','),
    ),
    '',
  ].join('\n')

/** Writes calls as JSON Lines, with the tokens nested in `usage` as providers do. */
export const toJsonLines = (calls: readonly SampleCall[]): string =>
  calls
    .map((call) =>
      JSON.stringify({
        timestamp: call.time,
        model: call.model,
        feature: call.feature,
        usage: {
          prompt_tokens: call.inputTokens,
          completion_tokens: call.outputTokens,
          prompt_tokens_details: { cached_tokens: call.cachedTokens },
        },
        latency_ms: call.latencyMs,
        status: call.status,
        prompt_hash: call.promptHash,
        prefix_hash: call.prefixHash,
        prefix_tokens: call.prefixTokens,
      }).concat('\n'),
    )
    .join('')
