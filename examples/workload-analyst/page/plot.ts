import { svgElement } from './element.ts'
import { formatCount, formatUsd, formatUsdTicks } from './format.ts'
import { linear, niceTicks, wholeTicks } from './scale.ts'
import { isRelative, type Series, timeLabel, timeLabels } from './series.ts'

const height = 220
const frame = { left: 44, right: 54, top: 12, bottom: 38 }
const bottom = height - frame.bottom

const text = (
  content: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  name: string = '',
): SVGElement => svgElement('text', { x, y, 'text-anchor': anchor, class: name }, content)

const line = (x1: number, y1: number, x2: number, y2: number, name: string): SVGElement =>
  svgElement('line', { x1, y1, x2, y2, class: name })

/** The line of spend, broken where an interval has no priced call. */
const spendPath = (
  { points }: Series,
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

const summarize = ({ points, per, priced }: Series, most: number, dearest: number): string => {
  const [from, to] = [points[0], points.at(-1)].map((point) => timeLabel(point?.at ?? '', true))
  const money = priced ? ` and ${formatUsd(dearest)}` : '; no call has a price'
  return `Calls${priced ? ' and spend' : ''} per ${per} from ${from} to ${to}: at most ${formatCount(most)} calls${money}.`
}

/** Draws calls as bars and spend as a line over the same time, each with its own scale. */
export const drawPlot = (series: Series, width: number, titleId: string): SVGSVGElement => {
  const { points, priced } = series
  const right = width - frame.right
  const most = Math.max(...points.map(({ calls }) => calls))
  const dearest = Math.max(0, ...points.map(({ costUsd }) => costUsd ?? 0))
  const calls = wholeTicks(most, 4)
  const costs = priced ? niceTicks(dearest, calls.length - 1) : []
  const costLabels = formatUsdTicks(costs)
  const callsAt = linear(calls.at(-1) ?? 1, bottom, frame.top)
  const costAt = linear(costs.at(-1) ?? 1, bottom, frame.top)
  const slot = (right - frame.left) / points.length
  const gap = Math.min(2, slot * 0.2)
  const start = (index: number): number => frame.left + index * slot

  return svgElement(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-labelledby': titleId },
    svgElement('title', { id: titleId }, summarize(series, most, dearest)),
    ...calls.flatMap((tick) => [
      line(frame.left, callsAt(tick), right, callsAt(tick), 'grid'),
      text(formatCount(tick), frame.left - 7, callsAt(tick) + 4, 'end', 'calls-scale'),
    ]),
    ...costs.map((tick, index) =>
      text(costLabels[index] ?? '', right + 7, costAt(tick) + 4, 'start', 'spend-scale'),
    ),
    ...points.map((point, index) =>
      svgElement('rect', {
        class: 'calls',
        x: start(index) + gap / 2,
        y: callsAt(point.calls),
        width: Math.max(slot - gap, 0.5),
        height: bottom - callsAt(point.calls),
        rx: Math.min(1.5, slot / 4),
      }),
    ),
    svgElement('path', {
      class: 'spend',
      d: spendPath(series, (index) => start(index + 0.5), costAt),
    }),
    line(frame.left, bottom, right, bottom, 'axis'),
    ...timeLabels(series, right - frame.left).flatMap(({ index, label }) => [
      line(start(index), bottom, start(index), bottom + 4, 'axis'),
      text(label, start(index), bottom + 17, 'middle'),
    ]),
    text(
      isRelative(series) ? 'time since the recording began (m:ss)' : 'time (UTC)',
      (frame.left + right) / 2,
      height - 4,
      'middle',
    ),
  )
}
