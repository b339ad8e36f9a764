import { checkedAmount } from './ledger-amounts.ts'

/** What one call of a model, or of anything else that costs, has used. Whole numbers from 0. */
export interface UsageEntry {
  /** The name under which the price table knows it. */
  readonly model?: string | undefined
  /** Tokens that the model was sent, those from a cache included. */
  readonly inputTokens?: number | undefined
  /** Tokens that it wrote, its reasoning included. */
  readonly outputTokens?: number | undefined
  /** The part of `inputTokens` that came from the provider's cache. */
  readonly cachedTokens?: number | undefined
  /** The part of `outputTokens` that was reasoning. */
  readonly reasoningTokens?: number | undefined
  /** What it cost, in millionths of the currency. Default: what the price table makes of the tokens. */
  readonly costMicros?: number | undefined
}

const counts = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
  'costMicros',
] as const

const longestName = 200

/** A copy that holds what an entry may hold, and nothing else. Throws TypeError, naming the field. */
export function checkedUsage(entry: UsageEntry): UsageEntry {
  return Object.freeze(copiedUsage(entry))
}

/** The same, for whoever adds to it. */
export function copiedUsage(entry: UsageEntry): GrowingUsage {
  const given: unknown = entry
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`Expected an entry of usage, got ${given === null ? 'null' : typeof given}`)
  }
  const checked: GrowingUsage = {}
  const { model } = entry
  if (model !== undefined) {
    if (typeof model !== 'string' || model === '' || model.length > longestName) {
      throw new TypeError(`Expected \`model\` to be a name of 1 to ${longestName} characters`)
    }
    checked.model = model
  }
  for (const name of counts) {
    const value = entry[name]
    if (value !== undefined) checked[name] = usedAmount(name, value)
  }
  refuseOthers(given)
  return checked
}

/** What is misspelt would cost nothing. */
function refuseOthers(given: object): void {
  for (const name in given) {
    if (name !== 'model' && !counts.some((known) => known === name)) {
      throw new TypeError(
        `There is no \`${name}\` in an entry of usage: model, ${counts.join(', ')}`,
      )
    }
  }
}

function usedAmount(name: string, value: number): number {
  // The text that says what is wrong is made only where something is.
  return Number.isSafeInteger(value) && value >= 0
    ? value
    : checkedAmount(`\`${name}\` of the usage`, value)
}

type GrowingUsage = { -readonly [Field in keyof UsageEntry]: UsageEntry[Field] }
