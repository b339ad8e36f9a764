import { element } from './element.ts'
import type { JsonObject } from './event.ts'
import { formatCount, formatUsd } from './format.ts'
import { drawPlot } from './plot.ts'
import { type Point, readSeries, type Series } from './series.ts'

const legend = ({ priced, per }: Series): HTMLElement =>
  element(
    'ul',
    { class: 'legend' },
    element('li', { class: 'calls' }, `calls per ${per} (left)`),
    priced
      ? element('li', { class: 'spend' }, `spend in US$ per ${per} (right)`)
      : element('li', { class: 'missing' }, 'no spend: no call has a price'),
  )

const row = ({ at, calls, costUsd }: Point): HTMLElement => {
  const cells = [at, formatCount(calls), costUsd === undefined ? 'no price' : formatUsd(costUsd)]
  return element('tr', {}, ...cells.map((cell) => element('td', {}, cell)))
}

const table = ({ points }: Series, userId: string): HTMLElement => {
  const headers = ['From', 'Calls', 'Spend'].map((name) => element('th', { scope: 'col' }, name))
  const label = `Calls and spend of ${userId}`
  return element(
    'details',
    { class: 'numbers' },
    element('summary', {}, 'The same as a table'),
    element(
      'div',
      { class: 'table', tabindex: 0, role: 'region', 'aria-label': label },
      element(
        'table',
        {},
        element('thead', {}, element('tr', {}, ...headers)),
        element('tbody', {}, ...points.map(row)),
      ),
    ),
  )
}

const narrowest = 320

/** Shows calls and spend over time: a plot with its legend, and the same numbers as a table. */
export const showSeries = (root: HTMLElement, result: JsonObject, userId: string): void => {
  const series = readSeries(result)
  if (series.points.length === 0) {
    root.replaceChildren(
      element('p', { class: 'empty' }, 'The log has no times: there is nothing to plot.'),
    )
    return
  }
  // Drawn as wide as it is shown, so that the text of its axes is as large as the page's.
  const width = Math.max(narrowest, Math.round(root.clientWidth))
  const plot = drawPlot(series, width, `plot-of-${userId}`)
  root.replaceChildren(
    legend(series),
    element('div', { class: 'chart' }, plot),
    table(series, userId),
  )
}
