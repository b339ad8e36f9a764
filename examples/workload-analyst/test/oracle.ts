/**
 * A second opinion on the analysis, written plainly and without its code: no columns, no bigint, no
 * turns, quadratic where that is the plain way. Money is in whole pico-dollars as a number, which is
 * exact for the small logs of the tests.
 */
export interface OracleCall {
  readonly time: number
  readonly model: string
  readonly feature: string
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly latencyMs: number
  readonly failed: boolean
  readonly prompt: string
  readonly prefix: string
  readonly prefixTokens: number
}

export interface OraclePrice {
  readonly inputPerMillion: number
  readonly cachedInputPerMillion?: number | undefined
  readonly outputPerMillion: number
  readonly cheaper?: string | undefined
}

export type OraclePrices = Readonly<Record<string, OraclePrice>>

const pico = (perMillion: number): number => Math.round(perMillion * 1_000_000)

const costAt = (price: OraclePrice, call: OracleCall): number =>
  (call.inputTokens - call.cachedTokens) * pico(price.inputPerMillion) +
  call.cachedTokens * pico(price.cachedInputPerMillion ?? price.inputPerMillion) +
  call.outputTokens * pico(price.outputPerMillion)

export const costOf = (prices: OraclePrices, call: OracleCall): number | null => {
  const price = prices[call.model]
  return price === undefined ? null : costAt(price, call)
}

export const dollars = (amount: number): number => amount / 1e12

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** The smallest value that at least `percent` in a hundred values do not exceed. */
export const percentile = (values: readonly number[], percent: number): number =>
  Math.min(
    ...values.filter(
      (value) => values.filter((other) => other <= value).length * 100 >= percent * values.length,
    ),
  )

export const percentilesOf = (
  values: readonly number[],
): { p50: number; p95: number; p99: number } => ({
  p50: percentile(values, 50),
  p95: percentile(values, 95),
  p99: percentile(values, 99),
})

const minuteOf = (call: OracleCall): string =>
  `${new Date(call.time).toISOString().slice(0, 16)}:00.000Z`

export const peakOf = (calls: readonly OracleCall[]): { at: string; calls: number } => {
  const counted = calls.map((call) => ({
    at: minuteOf(call),
    calls: calls.filter((other) => minuteOf(other) === minuteOf(call)).length,
  }))
  const most = Math.max(...counted.map((minute) => minute.calls))
  const first = counted
    .filter((minute) => minute.calls === most)
    .map((minute) => minute.at)
    .toSorted()[0]
  return { at: first ?? '', calls: most }
}

export const averageOf = (calls: readonly OracleCall[]): number => {
  const minutes = calls.map((call) => Date.parse(minuteOf(call)) / 60_000)
  return calls.length / (Math.max(...minutes) - Math.min(...minutes) + 1)
}

export interface OracleSaving {
  readonly calls: number
  readonly amount: number
  readonly tokens: number
  readonly priced: number
}

const total = (savings: readonly { amount: number | null; tokens: number }[]): OracleSaving => ({
  calls: savings.length,
  amount: sum(savings.map((saving) => saving.amount ?? 0)),
  tokens: sum(savings.map((saving) => saving.tokens)),
  priced: savings.filter((saving) => saving.amount !== null).length,
})

/** In time order; the calls of a test are at different times. */
const inOrder = (calls: readonly OracleCall[]): OracleCall[] =>
  calls.filter((call) => !call.failed).toSorted((a, b) => a.time - b.time)

export const repeatedRequests = (
  prices: OraclePrices,
  calls: readonly OracleCall[],
): OracleSaving => {
  const kept: OracleCall[] = []
  const repeats: OracleCall[] = []
  for (const call of inOrder(calls)) {
    if (call.prompt === '') continue
    const isKept = kept.some(
      (other) =>
        other.prompt === call.prompt &&
        other.model === call.model &&
        other.inputTokens === call.inputTokens &&
        call.time - other.time <= 60 * 60 * 1000,
    )
    ;(isKept ? repeats : kept).push(call)
  }
  return total(
    repeats.map((call) => ({
      amount: costOf(prices, call),
      tokens: call.inputTokens + call.outputTokens,
    })),
  )
}

export const smallCalls = (prices: OraclePrices, calls: readonly OracleCall[]): OracleSaving =>
  total(
    calls.flatMap((call) => {
      const price = prices[call.model]
      const cheaper = prices[price?.cheaper ?? '']
      const isSmall = call.inputTokens <= 1000 && call.outputTokens <= 100 && !call.failed
      if (!isSmall || price === undefined || cheaper === undefined) return []
      const amount = costAt(price, call) - costAt(cheaper, call)
      return amount > 0 ? [{ amount, tokens: 0 }] : []
    }),
  )

export const paidFailures = (prices: OraclePrices, calls: readonly OracleCall[]): OracleSaving =>
  total(
    calls
      .filter((call) => call.failed && call.inputTokens + call.outputTokens > 0)
      .map((call) => ({
        amount: costOf(prices, call),
        tokens: call.inputTokens + call.outputTokens,
      })),
  )

export const uncachedPrefix = (
  prices: OraclePrices,
  calls: readonly OracleCall[],
): OracleSaving => {
  const candidates = inOrder(calls).filter(
    (call) => call.prefix !== '' && call.prefixTokens >= 1024,
  )
  return total(
    candidates.flatMap((call, index) => {
      const isWarm = candidates
        .slice(0, index)
        .some(
          (other) =>
            other.prefix === call.prefix &&
            other.model === call.model &&
            call.time - other.time <= 5 * 60 * 1000,
        )
      const tokens = call.prefixTokens - call.cachedTokens
      if (!isWarm || tokens <= 0) return []
      const price = prices[call.model]
      const amount =
        price?.cachedInputPerMillion === undefined
          ? null
          : tokens * (pico(price.inputPerMillion) - pico(price.cachedInputPerMillion))
      return [{ amount, tokens }]
    }),
  )
}

export const longOutputs = (prices: OraclePrices, calls: readonly OracleCall[]): OracleSaving =>
  total(
    calls.flatMap((call) => {
      const alike = calls.filter((other) => other.feature === call.feature && !other.failed)
      if (call.failed || alike.length < 20) return []
      const limit = Math.max(
        256,
        4 *
          percentile(
            alike.map((other) => other.outputTokens),
            50,
          ),
      )
      const tokens = call.outputTokens - limit
      const price = prices[call.model]
      if (tokens <= 0) return []
      const amount = price === undefined ? null : tokens * pico(price.outputPerMillion)
      return [{ amount, tokens }]
    }),
  )

export const oracleFindings = {
  'repeated-requests': repeatedRequests,
  'small-calls-on-costly-model': smallCalls,
  'paid-failures': paidFailures,
  'uncached-prefix': uncachedPrefix,
  'long-outputs': longOutputs,
} as const
