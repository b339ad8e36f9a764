/** The smallest round number (1, 2, 2.5 or 5 times a power of ten) that is at least `rough`. */
const niceStep = (rough: number): number => {
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 2.5, 5].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10
  return factor * power
}

/** Ticks from 0 in `intervals` round steps, the last of them at least `largest`. */
export const niceTicks = (largest: number, intervals: number): number[] => {
  const step = largest > 0 ? niceStep(largest / intervals) : 1 / intervals
  return Array.from({ length: intervals + 1 }, (_, index) => Number((index * step).toPrecision(12)))
}

/** Ticks for whole numbers: no step is less than 1, and about `intervals` of them reach `largest`. */
export const wholeTicks = (largest: number, intervals: number): number[] => {
  const step = Math.ceil(niceStep(Math.max(1, largest / intervals)))
  const count = Math.max(1, Math.ceil(largest / step))
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}

/** Maps values from 0 to `largest` onto pixels from `start` to `end`. */
export const linear =
  (largest: number, start: number, end: number) =>
  (value: number): number =>
    start + ((end - start) * value) / largest

/** At most `most` positions spread evenly over a list, the first and the last among them. */
export const spread = (length: number, most: number): number[] => {
  if (length <= 1) return length === 1 ? [0] : []
  const shown = Math.min(most, length)
  return Array.from({ length: shown }, (_, index) =>
    Math.round((index * (length - 1)) / (shown - 1)),
  )
}

const roundMinutes = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10_080]

/**
 * Which of a series' intervals begin at a round time: as many as fit. `minutes` are when they begin, evenly.
 * Undefined where no step fits.
 */
export const roundTimes = (minutes: readonly number[], most: number): number[] | undefined => {
  const width = (minutes[1] ?? 1) - (minutes[0] ?? 0)
  return roundMinutes
    .filter((step) => step % width === 0)
    .map((step) => minutes.flatMap((minute, index) => (minute % step === 0 ? [index] : [])))
    .find((round) => round.length >= 2 && round.length <= most)
}
