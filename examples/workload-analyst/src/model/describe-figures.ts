import { formatCount, formatUsd } from '../report/format.ts'
import type { WorkloadResult } from '../result.ts'

/**
 * The figures that a model may word, one a line. Nothing that the log itself says is among them, no
 * model's and no feature's name: what a user uploads never instructs the model.
 */
export const describeFigures = (result: WorkloadResult): string => {
  const { totals, tokens, callsPerMinute, findings, combinedSavingUsd } = result
  const lines = [
    `calls: ${formatCount(totals.calls)}`,
    `input tokens: ${formatCount(totals.inputTokens)}`,
    `output tokens: ${formatCount(totals.outputTokens)}`,
    `cost: ${formatUsd(totals.costUsd)}`,
    `input tokens of a call, median: ${formatCount(tokens.input.p50)}`,
    `output tokens of a call, median: ${formatCount(tokens.output.p50)}`,
    ...(callsPerMinute === null
      ? []
      : [`calls in the busiest minute: ${formatCount(callsPerMinute.peak.calls)}`]),
    `findings: ${formatCount(findings.length)}`,
    ...findings.map(
      ({ title, evidence, savingUsd }) =>
        `finding "${title}": ${formatCount(evidence.calls)} calls, would save ${formatUsd(savingUsd)}`,
    ),
    `all findings together would save at least: ${formatUsd(combinedSavingUsd)}`,
  ]
  return lines.join('\n')
}
