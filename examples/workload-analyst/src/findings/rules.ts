/** The fixed numbers by which the findings are defined. */
export const findingRules = {
  /** How long an answer to an identical request could be reused. */
  answerLifetimeMs: 3_600_000,
  /** A call is small up to these counts, both included. */
  smallCall: { inputTokens: 1000, outputTokens: 100 },
  /** How long a provider keeps a prompt's prefix after its last use, and the shortest one it keeps. */
  prefixLifetimeMs: 300_000,
  shortestPrefixTokens: 1024,
  /** An output is long above this many times its group's median, and above the floor. */
  longOutput: { timesMedian: 4, floorTokens: 256, fewestCalls: 20 },
} as const
