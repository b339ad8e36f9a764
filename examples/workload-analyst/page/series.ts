import { type JsonObject, numberAt, objectAt, objectsAt, textAt } from './event.ts'
import { roundTimes, spread } from './scale.ts'

/** One interval of a result's series. */
export interface Point {
  /** ISO 8601, or such as `+120s` since the recording began. */
  readonly at: string
  readonly calls: number
  /** Undefined where no call of the interval has a price. */
  readonly costUsd: number | undefined
}

/** Calls and spend over time, as a result has them. */
export interface Series {
  readonly points: readonly Point[]
  /** The width of an interval. */
  readonly minutes: number
  /** Whether any call has a price. */
  readonly priced: boolean
  /** The width in words: `minute`, `5 minutes`. */
  readonly per: string
}

/** Reads the series of a result. It has no points where the log has no times. */
export const readSeries = (result: JsonObject): Series => {
  const perMinute = objectAt(result, 'callsPerMinute')
  const minutes = numberAt(perMinute, 'seriesMinutes') ?? 1
  const intervals = objectsAt(perMinute, 'series').map((point) => ({
    at: textAt(point, 'at'),
    calls: numberAt(point, 'calls') ?? 0,
    costUsd: numberAt(point, 'costUsd'),
  }))
  // An interval without calls costs nothing, also in a log without prices: that alone is no spend.
  const priced = intervals.some(({ calls, costUsd }) => calls > 0 && costUsd !== undefined)
  const points = priced
    ? intervals
    : intervals.map(({ at, calls }) => ({ at, calls, costUsd: undefined }))
  return { points, minutes, priced, per: minutes === 1 ? 'minute' : `${minutes} minutes` }
}

const secondsSinceStart = (at: string): number | undefined => {
  const seconds = /^\+([\d.]+)s$/.exec(at)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}

/** Whether times count from the start of a recording instead of being times of day. */
export const isRelative = ({ points }: Series): boolean =>
  secondsSinceStart(points[0]?.at ?? '') !== undefined

const spansDays = ({ points }: Series): boolean =>
  points[0]?.at.slice(0, 10) !== points.at(-1)?.at.slice(0, 10)

/** A time as an axis shows it: `09:15`, `03-04 09:15` over several days, or `+2:00` of a recording. */
export const timeLabel = (at: string, withDay: boolean): string => {
  const since = secondsSinceStart(at)
  if (since !== undefined) {
    const seconds = Math.round(since)
    return `+${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
  return withDay ? `${at.slice(5, 10)} ${at.slice(11, 16)}` : at.slice(11, 16)
}

const minuteOf = (at: string): number =>
  Math.round((secondsSinceStart(at) ?? Date.parse(at) / 1000) / 60)

/** The intervals to label on an axis of that many pixels, each with its label. */
export const timeLabels = (
  series: Series,
  pixels: number,
): { readonly index: number; readonly label: string }[] => {
  const { points } = series
  const withDay = spansDays(series)
  const most = Math.max(2, Math.floor(pixels / (withDay ? 110 : 64)))
  const minutes = points.map(({ at }) => minuteOf(at))
  const shown = roundTimes(minutes, most) ?? spread(points.length, most)
  return shown.map((index) => ({ index, label: timeLabel(points[index]?.at ?? '', withDay) }))
}
