import type { Finding } from '../findings/finding.ts'
import type { WorkloadResult } from '../result.ts'
import type { Spend } from '../statistics/spend.ts'
import { count, formatCount, formatUsd } from './format.ts'
import { escapeMarkdown, markdownName, markdownTable } from './markdown.ts'

type Reported = Omit<WorkloadResult, 'report'>

/** Writes the report in Markdown. Every text that may hold something of the log is escaped. */
export const writeReport = (result: Reported): string =>
  [
    '# Where the money and the time go',
    summarize(result),
    tokensSection(result),
    timeSection(result),
    spendSection('model', result.spendByModel),
    spendSection('feature', result.spendByFeature),
    findingsSection(result),
    actionsSection(result),
    `## Notes\n\n${result.notes.map((note) => `- ${escapeMarkdown(note)}`).join('\n')}`,
  ]
    .filter((section) => section !== '')
    .join('\n\n')
    .concat('\n')

const summarize = ({ totals, log, combinedSavingUsd, findings }: Reported): string => {
  const { costUsd, unpricedCalls } = totals
  const when = log.firstAt === null ? '' : ` from ${log.firstAt} to ${log.lastAt}`
  const cost =
    costUsd === null
      ? 'What they cost is not known: no call has a price.'
      : `They cost **${formatUsd(costUsd)}**${unpricedCalls > 0 ? `, without ${count(unpricedCalls, 'call')} that ${unpricedCalls === 1 ? 'has' : 'have'} no price` : ''}.`
  const saving =
    findings.length === 0
      ? 'None of the inefficiencies that were looked for was found.'
      : combinedSavingUsd === null
        ? `${count(findings.length, 'finding')} below; without prices they are in tokens.`
        : `${count(findings.length, 'finding')} below would save at least **${formatUsd(combinedSavingUsd)}** together, each call counted once.`
  return `**${count(totals.calls, 'call')}**${when}: ${formatCount(totals.inputTokens)} input and ${formatCount(totals.outputTokens)} output tokens. ${cost} ${saving}`
}

const tokensSection = ({ tokens, latency }: Reported): string => {
  const rows = [
    ['Input tokens', tokens.input.p50, tokens.input.p95, tokens.input.p99],
    ['Output tokens', tokens.output.p50, tokens.output.p95, tokens.output.p99],
    ...(latency === null ? [] : [['Latency (ms)', latency.p50, latency.p95, latency.p99]]),
  ].map((row) => row.map((cell) => (typeof cell === 'number' ? formatCount(cell) : cell)))
  return `## Size of a call\n\n${markdownTable(['Per call', 'p50', 'p95', 'p99'], rows)}`
}

const timeSection = ({ callsPerMinute }: Reported): string => {
  if (callsPerMinute === null) return ''
  const { average, peak } = callsPerMinute
  const mean = formatCount(Number(average.toFixed(1)))
  return `## Calls over time\n\n${mean} calls a minute on average; the busiest minute was ${peak.at} with ${count(peak.calls, 'call')}.`
}

const spendSection = (what: string, entries: readonly Spend[] | null): string => {
  if (entries === null) return ''
  const rows = entries.map((entry) => [
    markdownName(entry.name),
    formatCount(entry.calls),
    formatCount(entry.inputTokens),
    formatCount(entry.outputTokens),
    formatUsd(entry.costUsd),
    entry.latencyMs === null ? 'unknown' : `${formatCount(Math.round(entry.latencyMs / 1000))} s`,
  ])
  const first = what === 'model' ? 'Model' : 'Feature'
  const header = [first, 'Calls', 'Input tokens', 'Output tokens', 'Cost', 'Time']
  return `## Spend by ${what}\n\n${markdownTable(header, rows)}`
}

const describeFinding = (found: Finding, index: number): string => {
  const saving =
    found.savingUsd === null
      ? `${count(found.savingTokens, 'token')} (no price, no money)`
      : formatUsd(found.savingUsd)
  const isNamed = found.evidence.groups.some((group) => group.name !== null)
  const groups = found.evidence.groups.map(
    (group) =>
      `${markdownName(group.name)} (${count(group.calls, 'call')}, ${group.savingUsd === null ? count(group.savingTokens, 'token') : formatUsd(group.savingUsd)})`,
  )
  return [
    `### ${index + 1}. ${escapeMarkdown(found.title)}: ${saving}`,
    escapeMarkdown(found.detail),
    [
      `- How it was computed: ${escapeMarkdown(found.computation)}`,
      ...(isNamed ? [`- Most of it: ${groups.join('; ')}.`] : []),
      `- First seen on line${found.evidence.lines.length === 1 ? '' : 's'} ${found.evidence.lines.join(', ')}.`,
    ].join('\n'),
  ].join('\n\n')
}

const findingsSection = ({ findings }: Reported): string =>
  findings.length === 0 ? '' : ['## Findings', ...findings.map(describeFinding)].join('\n\n')

const actionsSection = ({ actions }: Reported): string => {
  if (actions.length === 0) return ''
  const items = actions.map((action, index) => {
    const saving =
      action.savingUsd === null ? count(action.savingTokens, 'token') : formatUsd(action.savingUsd)
    const start = action.startWith === null ? '' : ` Start with ${markdownName(action.startWith)}.`
    return `${index + 1}. **${escapeMarkdown(action.title)}** (${saving}). ${escapeMarkdown(action.how)}${start}`
  })
  return `## What to change\n\n${items.join('\n')}`
}
