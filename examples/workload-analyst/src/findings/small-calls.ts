import { toDollars } from '../money.ts'
import { costAt } from '../prices/pricing.ts'
import { count, formatCount, formatUsd } from '../report/format.ts'
import { findingRules } from './rules.ts'
import { hasFailed, type Search, type SearchResult } from './search.ts'
import { createTally } from './tally.ts'

/**
 * Calls that succeeded with few tokens on a model for which the table of prices names a cheaper one
 * of its family. Each saves what it cost minus what the cheaper model would have cost.
 */
export const findSmallCalls = async (search: Search): Promise<SearchResult> => {
  const { workload, pricing, pace } = search
  const { inputTokens, outputTokens, cachedTokens } = workload
  if (workload.models === null) {
    return { note: 'Small calls on costly models were not looked for: the log has no model.' }
  }
  const { smallCall } = findingRules
  const tally = createTally(search.largest)
  let before = 0n
  let after = 0n
  for (let row = 0; row < workload.rows; row += 1) {
    const [input, output] = [inputTokens[row] ?? 0, outputTokens[row] ?? 0]
    const isSmall = input <= smallCall.inputTokens && output <= smallCall.outputTokens
    const price = isSmall && !hasFailed(workload, row) ? pricing.priceOf(row) : undefined
    const paid = price?.cheaper ? pricing.paid(row) : null
    if (price?.cheaper && paid !== null) {
      const would = costAt(price.cheaper, input, cachedTokens?.[row] ?? 0, output)
      if (would < paid) {
        const group = `${price.model} → ${price.cheaper.model}`
        tally.add(row, { amount: paid - would, tokens: 0, group })
        before += paid
        after += would
      }
    }
    if (pace.due()) await pace.turn()
  }
  const limits = `at most ${formatCount(smallCall.inputTokens)} input and ${formatCount(smallCall.outputTokens)} output tokens`
  const finding = await tally.toFinding(
    {
      id: 'small-calls-on-costly-model',
      title: 'Small calls went to a costly model',
      detail: `${count(tally.calls, 'call')} with ${limits} used a model that has a cheaper one of its family. Try the cheaper one on them, and check its answers before you move.`,
      computation: `What they cost minus what the cheaper model costs for the same tokens: ${formatUsd(toDollars(before))} − ${formatUsd(toDollars(after))} = ${formatUsd(toDollars(before - after))} over ${count(tally.calls, 'call')}. The tokens stay the same.`,
    },
    search,
  )
  return { finding }
}
