/** What can be charged to an owner. Whole numbers from 0, so that sums stay exact. */
export interface LedgerAmounts {
  readonly runs: number
  readonly toolCalls: number
  /** Tokens that models were sent, those from a cache included. */
  readonly inputTokens: number
  /** Tokens that models wrote, their reasoning included. */
  readonly outputTokens: number
  /** The part of the input that came from the provider's cache. */
  readonly cachedTokens: number
  /** The part of the output that was reasoning. */
  readonly reasoningTokens: number
  /** Millionths of the deployment's currency. */
  readonly costMicros: number
  /** Milliseconds that runs executed. */
  readonly runMs: number
  /** Milliseconds that tools took until they ended or were given up. */
  readonly toolMs: number
  /** Milliseconds that work went on after it was given up. */
  readonly orphanMs: number
}

/** One thing that is counted. */
export type LedgerMeasure = keyof LedgerAmounts

/** Some of them; what is absent is 0. */
export type SomeAmounts = { readonly [Measure in LedgerMeasure]?: number | undefined }

export const noAmounts: LedgerAmounts = Object.freeze({
  runs: 0,
  toolCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  costMicros: 0,
  runMs: 0,
  toolMs: 0,
  orphanMs: 0,
})

/** All of them, in the order in which they are written. */
export const ledgerMeasures: readonly LedgerMeasure[] = Object.freeze([
  'runs',
  'toolCalls',
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
  'costMicros',
  'runMs',
  'toolMs',
  'orphanMs',
])

/** Amounts that grow. */
export type GrowingAmounts = { -readonly [Measure in LedgerMeasure]: number }

/** Adds to the amounts themselves. Written out, because it is done for every book of every entry. */
export function increase(sums: GrowingAmounts, by: SomeAmounts): void {
  sums.runs = plus(sums.runs, by.runs)
  sums.toolCalls = plus(sums.toolCalls, by.toolCalls)
  sums.inputTokens = plus(sums.inputTokens, by.inputTokens)
  sums.outputTokens = plus(sums.outputTokens, by.outputTokens)
  sums.cachedTokens = plus(sums.cachedTokens, by.cachedTokens)
  sums.reasoningTokens = plus(sums.reasoningTokens, by.reasoningTokens)
  sums.costMicros = plus(sums.costMicros, by.costMicros)
  sums.runMs = plus(sums.runMs, by.runMs)
  sums.toolMs = plus(sums.toolMs, by.toolMs)
  sums.orphanMs = plus(sums.orphanMs, by.orphanMs)
}

/** Beyond what a number can count exactly a sum stays at that: never back to little. */
function plus(sum: number, added: number | undefined): number {
  return added === undefined || added === 0 ? sum : Math.min(Number.MAX_SAFE_INTEGER, sum + added)
}

/** Amounts whose every field is a whole number from 0. Throws TypeError, naming the field. */
export function checkedAmounts(subject: string, amounts: SomeAmounts): SomeAmounts {
  const given: unknown = amounts
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `Expected ${subject} to be amounts, got ${given === null ? 'null' : typeof given}`,
    )
  }
  const checked: { -readonly [Measure in LedgerMeasure]?: number } = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const measure = ledgerMeasures.find((known) => known === name)
    if (measure === undefined) throw new TypeError(`There is no amount \`${name}\` in ${subject}`)
    checked[measure] = checkedAmount(`\`${name}\` of ${subject}`, value)
  }
  return Object.freeze(checked)
}

/** A whole number from 0 that can be counted exactly. Throws TypeError. */
export function checkedAmount(subject: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new TypeError(
    `Expected ${subject} to be a whole number >= 0, got ${typeof value === 'number' ? value : typeof value}`,
  )
}
