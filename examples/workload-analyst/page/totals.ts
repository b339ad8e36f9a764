import { element } from './element.ts'
import { type JsonObject, numberAt, objectAt, objectsAt } from './event.ts'
import { formatCompact, formatCount, formatUsd } from './format.ts'

const tile = (label: string, value: string, note: string, exact: string = ''): HTMLElement =>
  element(
    'div',
    { class: 'total' },
    element('dt', {}, label),
    element('dd', exact === '' ? {} : { title: exact }, value),
    element('dd', { class: 'note' }, note),
  )

/** The figures of a result that one looks for first. */
export const renderTotals = (result: JsonObject): HTMLElement[] => {
  const totals = objectAt(result, 'totals')
  const calls = numberAt(totals, 'calls') ?? 0
  const input = numberAt(totals, 'inputTokens') ?? 0
  const output = numberAt(totals, 'outputTokens') ?? 0
  const cost = numberAt(totals, 'costUsd')
  const unpriced = numberAt(totals, 'unpricedCalls') ?? 0
  const saving = numberAt(result, 'combinedSavingUsd')
  const findings = objectsAt(result, 'findings').length
  const peak = numberAt(objectAt(objectAt(result, 'callsPerMinute'), 'peak'), 'calls')
  return [
    tile(
      'Calls',
      formatCount(calls),
      peak === undefined ? 'no times' : `peak ${formatCount(peak)} a minute`,
    ),
    tile(
      'Tokens',
      formatCompact(input + output),
      `${formatCompact(input)} in, ${formatCompact(output)} out`,
      `${formatCount(input)} input and ${formatCount(output)} output tokens`,
    ),
    tile(
      'Spend',
      cost === undefined ? 'unknown' : formatUsd(cost),
      cost === undefined
        ? 'no call has a price'
        : unpriced > 0
          ? `without ${formatCount(unpriced)} unpriced`
          : 'all calls priced',
    ),
    tile(
      'Could be saved',
      saving === undefined ? 'unknown' : formatUsd(saving),
      `${findings} finding${findings === 1 ? '' : 's'}`,
    ),
  ]
}
