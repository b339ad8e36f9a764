import { count, formatCount, formatUsd } from '../report/format.ts'
import type { SavingsAnswer, SpendingAnswer, TotalsAnswer } from './log-tools.ts'

/** What the assistant says about totals. Arithmetic in words. */
export const sayTotals = ({ totals, busiestMinute }: TotalsAnswer): string => {
  const { calls, inputTokens, outputTokens, costUsd } = totals
  const used = `${count(calls, 'call')} used ${formatCount(inputTokens)} input and ${formatCount(outputTokens)} output tokens`
  const cost =
    costUsd === null ? 'What they cost is not known.' : `They cost ${formatUsd(costUsd)}.`
  const peak =
    busiestMinute === null
      ? ''
      : ` The busiest minute was ${busiestMinute.at}, with ${count(busiestMinute.calls, 'call')}.`
  return `${used}. ${cost}${peak}`
}

export const saySpending = ({ by, spending }: SpendingAnswer): string => {
  if (spending.length === 0) return `The log does not say which ${by} a call was for.`
  const lines = spending.map(
    ({ name, calls, costUsd }) =>
      `- ${name ?? 'without a name'}: ${formatUsd(costUsd)} for ${count(calls, 'call')}`,
  )
  return [`By ${by}, the dearest first:`, ...lines].join('\n')
}

export const saySavings = ({ combinedSavingUsd, actions }: SavingsAnswer): string => {
  if (actions.length === 0) return 'Nothing was found that would save anything.'
  const lines = actions.map(
    ({ title, how, savingUsd }) => `- ${title} (${formatUsd(savingUsd)}): ${how}`,
  )
  const together = `All together would save at least ${formatUsd(combinedSavingUsd)}.`
  return [...lines, '', together].join('\n')
}

/** What it says to what it does not understand. */
export const help: string =
  'I am no language model. Ask me what your calls cost, which model or which feature costs most, or what to change.'
