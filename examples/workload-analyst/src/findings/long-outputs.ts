import { count, formatCount } from '../report/format.ts'
import { nearestRank } from '../statistics/percentiles.ts'
import { sortInTurns } from '../statistics/sort-in-turns.ts'
import { findingRules } from './rules.ts'
import { groupColumn, hasFailed, nameAt, type Search, type SearchResult } from './search.ts'
import { createTally, worth } from './tally.ts'

/**
 * Calls whose output is more than four times the median of their feature (else of their model, else
 * of the log) and more than 256 tokens, in groups of at least 20 calls that succeeded. Each saves
 * the price of the output tokens above that limit.
 */
export const findLongOutputs = async (search: Search): Promise<SearchResult> => {
  const { workload, pace } = search
  const { outputTokens } = workload
  const groups = groupColumn(workload)
  const rowsByGroup = new Map<number, number[]>()
  for (let row = 0; row < workload.rows; row += 1) {
    if (!hasFailed(workload, row)) {
      const id = groups?.ids[row] ?? 0
      const rows = rowsByGroup.get(id)
      if (rows === undefined) rowsByGroup.set(id, [row])
      else rows.push(row)
    }
    if (pace.due()) await pace.turn()
  }
  const tally = createTally(search.largest)
  const { timesMedian, floorTokens, fewestCalls } = findingRules.longOutput
  const limits: number[] = []
  for (const rows of rowsByGroup.values()) {
    if (pace.due()) await pace.turn()
    if (rows.length < fewestCalls) continue
    const outputs = new Float64Array(rows.length)
    for (const [at, row] of rows.entries()) outputs[at] = outputTokens[row] ?? 0
    const median = nearestRank(await sortInTurns(outputs, (a, b) => a - b, pace), 50)
    const limit = Math.max(timesMedian * median, floorTokens)
    const before = tally.calls
    for (const row of rows) {
      const tokens = (outputTokens[row] ?? 0) - limit
      if (tokens > 0) {
        tally.add(row, { amount: price(search, row, tokens), tokens, group: nameAt(groups, row) })
      }
      if (pace.due()) await pace.turn()
    }
    if (tally.calls > before) limits.push(limit)
  }
  const of = workload.features ? 'their feature' : workload.models ? 'their model' : 'the log'
  const listed = [...new Set(limits)].toSorted((a, b) => a - b).map(formatCount)
  const shown = `${listed.slice(0, 5).join(', ')}${listed.length > 5 ? ', …' : ''}`
  const finding = await tally.toFinding(
    {
      id: 'long-outputs',
      title: `Outputs ran far beyond what is usual for ${of}`,
      detail: `${count(tally.calls, 'call')} wrote more than ${timesMedian} times the median output of ${of} and more than ${floorTokens} tokens. A limit on the output tokens would cut them off; check first that the long answers are not needed.`,
      computation: `Output tokens above the limit (the larger of ${floorTokens} and ${timesMedian} × median: ${shown}) × price of output: ${count(tally.tokens, 'token')}, ${worth(tally)}.`,
    },
    search,
  )
  return { finding }
}

const price = ({ pricing }: Search, row: number, tokens: number): bigint | null => {
  const paid = pricing.paid(row)
  const output = pricing.priceOf(row)?.output
  if (output === undefined || paid === null) return null
  const saved = BigInt(tokens) * output
  return saved < paid ? saved : paid
}
