import { element, svgElement } from './element.ts'
import { type JsonObject, numberAt, objectAt, objectsAt, textAt } from './event.ts'
import { formatCount, formatUsd } from './format.ts'
import { linear, niceTicks, spread, wholeTicks } from './scale.ts'

const width = 620
const height = 230
const frame = { left: 46, right: 58, top: 14, bottom: 40 }
const right = width - frame.right
const bottom = height - frame.bottom

interface Point {
  readonly at: string
  readonly calls: number
  /** Undefined where no call of the interval has a price. */
  readonly costUsd: number | undefined
}

/** A time of the series as an axis shows it: `09:15`, or `+2:00` since the start of a recording. */
const timeLabel = (at: string, spansDays: boolean): string => {
  const relative = /^\+([\d.]+)s$/.exec(at)?.[1]
  if (relative !== undefined) {
    const seconds = Math.round(Number(relative))
    return `+${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
  return spansDays ? `${at.slice(5, 10)} ${at.slice(11, 16)}` : at.slice(11, 16)
}

const text = (
  content: string,
  x: number,
  y: number,
  anchor: string,
  name: string = '',
): SVGElement => svgElement('text', { x, y, 'text-anchor': anchor, class: name }, content)

const axes = (calls: readonly number[], costs: readonly number[] | undefined): SVGElement[] => {
  const nodes: SVGElement[] = []
  const y = linear(calls.at(-1) ?? 1, bottom, frame.top)
  for (const tick of calls) {
    nodes.push(
      svgElement('line', { x1: frame.left, x2: right, y1: y(tick), y2: y(tick), class: 'grid' }),
      text(formatCount(tick), frame.left - 7, y(tick) + 4, 'end', 'calls-scale'),
    )
  }
  const money = linear(costs?.at(-1) ?? 1, bottom, frame.top)
  for (const tick of costs ?? []) {
    nodes.push(text(formatUsd(tick), right + 7, money(tick) + 4, 'start', 'spend-scale'))
  }
  return nodes
}

/** The line of spend, broken where an interval has no priced call. */
const spendPath = (
  points: readonly Point[],
  x: (index: number) => number,
  y: (usd: number) => number,
): string => {
  let drawing = false
  return points
    .map(({ costUsd }, index) => {
      if (costUsd === undefined) {
        drawing = false
        return ''
      }
      const step = `${drawing ? 'L' : 'M'}${x(index).toFixed(1)} ${y(costUsd).toFixed(1)}`
      // A lone point between two gaps would not be seen as a line.
      const dot = drawing ? '' : 'h0.01'
      drawing = true
      return `${step}${dot}`
    })
    .join('')
}

const draw = (points: readonly Point[], minutes: number, id: string): SVGSVGElement => {
  const priced = points.some(({ costUsd }) => costUsd !== undefined)
  const most = Math.max(...points.map(({ calls }) => calls))
  const dearest = Math.max(0, ...points.map(({ costUsd }) => costUsd ?? 0))
  const callTicks = wholeTicks(most, 4)
  const costTicks = priced ? niceTicks(dearest, callTicks.length - 1) : undefined
  const slot = (right - frame.left) / points.length
  const gap = Math.min(2, slot * 0.2)
  const y = linear(callTicks.at(-1) ?? 1, bottom, frame.top)
  const money = linear(costTicks?.at(-1) ?? 1, bottom, frame.top)
  const middle = (index: number): number => frame.left + (index + 0.5) * slot
  const first = points[0]?.at ?? ''
  const last = points.at(-1)?.at ?? ''
  const spansDays = first.slice(0, 10) !== last.slice(0, 10)
  const per = minutes === 1 ? 'minute' : `${formatCount(minutes)} minutes`
  const summary =
    `Calls${priced ? ' and spend' : ''} per ${per} from ${timeLabel(first, true)} to ${timeLabel(last, true)}: ` +
    `at most ${formatCount(most)} calls${priced ? ` and ${formatUsd(dearest)}` : '; no call has a price'}.`
  return svgElement(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-labelledby': id },
    svgElement('title', { id }, summary),
    ...axes(callTicks, costTicks),
    ...points.map(({ calls }, index) =>
      svgElement('rect', {
        class: 'calls',
        x: frame.left + index * slot + gap / 2,
        y: y(calls),
        width: Math.max(slot - gap, 0.5),
        height: bottom - y(calls),
        rx: Math.min(1.5, slot / 4),
      }),
    ),
    ...(priced
      ? [svgElement('path', { class: 'spend', d: spendPath(points, middle, money) })]
      : []),
    svgElement('line', { x1: frame.left, x2: right, y1: bottom, y2: bottom, class: 'axis' }),
    ...spread(points.length, spansDays ? 4 : 6).map((index) =>
      text(timeLabel(points[index]?.at ?? '', spansDays), middle(index), bottom + 16, 'middle'),
    ),
    text(
      first.startsWith('+') ? 'time since the recording began (m:ss)' : 'time (UTC)',
      (frame.left + right) / 2,
      height - 6,
      'middle',
      'caption',
    ),
  )
}

const legend = (priced: boolean, per: string): HTMLElement =>
  element(
    'ul',
    { class: 'legend' },
    element('li', { class: 'calls' }, `calls per ${per} (left)`),
    priced
      ? element('li', { class: 'spend' }, `spend in US$ per ${per} (right)`)
      : element('li', { class: 'missing' }, 'spend: no call has a price'),
  )

const table = (points: readonly Point[]): HTMLElement =>
  element(
    'details',
    { class: 'numbers' },
    element('summary', {}, 'The same as a table'),
    element(
      'div',
      { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Calls and spend over time' },
      element(
        'table',
        {},
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            ...['From', 'Calls', 'Spend'].map((name) => element('th', { scope: 'col' }, name)),
          ),
        ),
        element(
          'tbody',
          {},
          ...points.map(({ at, calls, costUsd }) =>
            element(
              'tr',
              {},
              element('td', {}, at),
              element('td', {}, formatCount(calls)),
              element('td', {}, costUsd === undefined ? 'no price' : formatUsd(costUsd)),
            ),
          ),
        ),
      ),
    ),
  )

/** Draws calls as bars and spend as a line over the same time, each with its own scale. */
export const renderPlot = (result: JsonObject, id: string): HTMLElement[] => {
  const perMinute = objectAt(result, 'callsPerMinute')
  const points = objectsAt(perMinute, 'series').map((point) => ({
    at: textAt(point, 'at'),
    calls: numberAt(point, 'calls') ?? 0,
    costUsd: numberAt(point, 'costUsd'),
  }))
  if (points.length === 0) {
    return [element('p', { class: 'empty' }, 'The log has no times: there is nothing to plot.')]
  }
  const minutes = numberAt(perMinute, 'seriesMinutes') ?? 1
  const per = minutes === 1 ? 'minute' : `${formatCount(minutes)} min`
  const priced = points.some(({ costUsd }) => costUsd !== undefined)
  return [
    legend(priced, per),
    element('div', { class: 'chart' }, draw(points, minutes, id)),
    table(points),
  ]
}
