import { count } from '../report/format.ts'
import { findingRules } from './rules.ts'
import { groupColumn, hasFailed, nameAt, type Search, type SearchResult } from './search.ts'
import { createTally, worth } from './tally.ts'

/**
 * Calls with the same prompt, model and input tokens as an earlier call that succeeded at most an
 * hour before. A kept answer serves for an hour from the call that made it; the next call after
 * that is paid again. Each repeat saves what it cost.
 */
export const findRepeatedRequests = async (search: Search): Promise<SearchResult> => {
  const { workload, pricing, pace, order } = search
  const { prompts, models, times, inputTokens, outputTokens } = workload
  if (prompts === null) {
    return { note: 'Repeated requests were not looked for: the log has no prompt hash or id.' }
  }
  const tally = createTally(search.largest)
  const keptSince = new Map<string, number>()
  const groups = groupColumn(workload)
  for (const row of order) {
    const prompt = prompts.ids[row] ?? 0
    if (prompt !== 0 && !hasFailed(workload, row)) {
      const key = `${prompt}:${models?.ids[row] ?? 0}:${inputTokens[row]}`
      const time = times?.[row] ?? 0
      const since = keptSince.get(key)
      if (since === undefined || time - since > findingRules.answerLifetimeMs) {
        keptSince.set(key, time)
      } else {
        const tokens = (inputTokens[row] ?? 0) + (outputTokens[row] ?? 0)
        tally.add(row, { amount: pricing.paid(row), tokens, group: nameAt(groups, row) })
      }
    }
    if (pace.due()) await pace.turn()
  }
  const within =
    times === null ? 'at any time before (the log has no times)' : 'within the last hour'
  const finding = await tally.toFinding(
    {
      id: 'repeated-requests',
      title: 'Identical requests were paid again',
      detail: `${count(tally.calls, 'call')} had the same prompt, model and input tokens as a call that was answered ${within}. A cache of answers would have served them.`,
      computation: `Each repeat saves all that it cost: ${count(tally.tokens, 'token')} (input and output), ${worth(tally)}.`,
    },
    search,
  )
  return { finding }
}
