import { count, formatCount } from '../report/format.ts'
import { findingRules } from './rules.ts'
import { groupColumn, hasFailed, nameAt, type Search, type SearchResult } from './search.ts'
import { createTally, worth } from './tally.ts'

/**
 * Calls whose prompt begins like that of a call to the same model at most five minutes before, and
 * whose beginning was nevertheless not read from the provider's cache. Each saves, for the tokens of
 * the prefix beyond those that were cached, the price of input minus the price of cached input.
 */
export const findUncachedPrefix = async (search: Search): Promise<SearchResult> => {
  const { workload, pace, order } = search
  const { prefixes, prefixTokens, models, times, cachedTokens } = workload
  if (prefixes === null || prefixTokens === null || times === null) {
    const what = 'the log lacks a prefix hash, prefix tokens or times'
    return { note: `Uncached prompt prefixes were not looked for: ${what}.` }
  }
  const tally = createTally(search.largest)
  const groups = groupColumn(workload)
  const usedAt = new Map<string, number>()
  for (const row of order) {
    const prefix = prefixes.ids[row] ?? 0
    const length = prefixTokens[row] ?? 0
    const isLong = length >= findingRules.shortestPrefixTokens
    if (prefix !== 0 && isLong && !hasFailed(workload, row)) {
      const key = `${prefix}:${models?.ids[row] ?? 0}`
      const time = times[row] ?? 0
      const before = usedAt.get(key)
      usedAt.set(key, time)
      const tokens = length - (cachedTokens?.[row] ?? 0)
      if (before !== undefined && time - before <= findingRules.prefixLifetimeMs && tokens > 0) {
        tally.add(row, {
          amount: discount(search, row, tokens),
          tokens,
          group: nameAt(groups, row),
        })
      }
    }
    if (pace.due()) await pace.turn()
  }
  const finding = await tally.toFinding(
    {
      id: 'uncached-prefix',
      title: 'A shared prompt prefix was paid in full',
      detail: `${count(tally.calls, 'call')} began with the same ${formatCount(findingRules.shortestPrefixTokens)} or more tokens as a call to the same model in the five minutes before, and did not read them from the provider's cache.`,
      computation: `Prefix tokens that were not cached × (price of input − price of cached input): ${count(tally.tokens, 'token')}, ${worth(tally)}. The tokens are still sent, at the lower price.`,
    },
    search,
  )
  return { finding }
}

const discount = ({ pricing }: Search, row: number, tokens: number): bigint | null => {
  const price = pricing.priceOf(row)
  const paid = pricing.paid(row)
  if (price === undefined || price.cachedInput === null || paid === null) return null
  const saved = BigInt(tokens) * (price.input - price.cachedInput)
  // A cost in the log may be lower than the table's: nobody saves more than was paid.
  return saved < paid ? saved : paid
}
