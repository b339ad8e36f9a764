import { count } from '../report/format.ts'
import { formatTime } from '../statistics/calls-per-minute.ts'
import { groupColumn, hasFailed, nameAt, type Search, type SearchResult } from './search.ts'
import { createTally, worth } from './tally.ts'

const minuteMs = 60_000

/** Calls that failed and used tokens or money all the same. Each saves what it cost. */
export const findPaidFailures = async (search: Search): Promise<SearchResult> => {
  const { workload, pricing, pace } = search
  const { failed, inputTokens, outputTokens, times } = workload
  if (failed === null) {
    return { note: 'Paid failures were not looked for: the log has no status or error.' }
  }
  const tally = createTally(search.largest)
  const groups = groupColumn(workload)
  const byMinute = new Map<number, number>()
  for (let row = 0; row < workload.rows; row += 1) {
    const tokens = (inputTokens[row] ?? 0) + (outputTokens[row] ?? 0)
    const amount = hasFailed(workload, row) ? pricing.paid(row) : null
    if (hasFailed(workload, row) && (tokens > 0 || (amount ?? 0n) > 0n)) {
      tally.add(row, { amount, tokens, group: nameAt(groups, row) })
      const minute = Math.floor((times?.[row] ?? 0) / minuteMs)
      byMinute.set(minute, (byMinute.get(minute) ?? 0) + 1)
    }
    if (pace.due()) await pace.turn()
  }
  const worst = [...byMinute].reduce(
    (most, next) => (next[1] > most[1] || (next[1] === most[1] && next[0] < most[0]) ? next : most),
    [0, 0],
  )
  const storm =
    times === null
      ? ''
      : ` The worst minute, ${formatTime(worst[0] * minuteMs, workload.clock)}, had ${worst[1]} of them.`
  const finding = await tally.toFinding(
    {
      id: 'paid-failures',
      title: 'Failed calls were paid',
      detail: `${count(tally.calls, 'call')} failed after using tokens.${storm} Fewer, slower retries and a check of the request before it is sent avoid them.`,
      computation: `Each failed call saves all that it cost: ${count(tally.tokens, 'token')} (input and output), ${worth(tally)}.`,
    },
    search,
  )
  return { finding }
}
