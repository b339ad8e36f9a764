/** A log that only one user has: its names and its numbers occur in nobody else's. */
export interface CanaryLog {
  readonly text: string
  readonly model: string
  readonly feature: string
  readonly calls: number
  readonly inputTokens: number
}

/** Makes the log of a user; `number` tells users apart. */
export const createCanaryLog = (number: number, calls: number = 50 + number): CanaryLog => {
  const model = `model-canary-${number}-`
  const feature = `feature-canary-${number}-`
  const input = 1000 + number
  const rows = Array.from(
    { length: calls },
    (_, row) =>
      `${new Date(1.74e12 + row * 1000).toISOString()},${model},${feature},${input},7,0.25`,
  )
  return {
    text: ['timestamp,model,feature,input_tokens,output_tokens,cost_usd', ...rows, ''].join('\n'),
    model,
    feature,
    calls,
    inputTokens: calls * input,
  }
}
