// What the platforms' 32-bit timers can hold, about 25 days; asked for more, they fire at once.
const longestMs = 2_147_483_647

/** How long a timer may be set: more than that is cut, and never becomes nothing. */
export function timerMs(ms: number): number {
  return Math.min(ms, longestMs)
}
