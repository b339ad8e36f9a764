import type { Pace } from '../pace.ts'

const run = 4096

/**
 * Sorts by short runs and merges, giving way to the event loop between them. Stable; returns a
 * sorted copy.
 */
export const sortInTurns = async (
  values: Float64Array,
  compare: (a: number, b: number) => number,
  pace: Pace,
): Promise<Float64Array> => {
  let from = values.slice()
  let to = values.slice()
  for (let start = 0; start < from.length; start += run) {
    from.subarray(start, start + run).sort(compare)
    if (pace.due(run)) await pace.turn()
  }
  for (let width = run; width < from.length; width *= 2) {
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length)
      const end = Math.min(start + 2 * width, from.length)
      let left = start
      let right = middle
      for (let at = start; at < end; at += 1) {
        const a = from[left] ?? 0
        const b = from[right] ?? 0
        const takesLeft = left < middle && (right >= end || compare(a, b) <= 0)
        to[at] = takesLeft ? a : b
        if (takesLeft) left += 1
        else right += 1
        // A merged value is a small part of the work on a row.
        if ((at & 1023) === 0 && pace.due(128)) await pace.turn()
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}
