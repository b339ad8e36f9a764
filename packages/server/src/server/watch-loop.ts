/** How often the event loop is looked at, and how many looks make a judgement. */
const everyMs = 100
const looks = 5

/**
 * Watches how late timers are. Calls `change` with true while they are later than `limitMs` on the average of the last
 * half second, and with false once they are in time again: a single pause is no overload, however long it was. Returns
 * how to stop.
 */
export function watchLoop(limitMs: number, change: (late: boolean) => void): () => void {
  const late: number[] = []
  let due = performance.now() + everyMs
  const timer = setInterval(() => {
    const now = performance.now()
    // One look says no more than two at the limit: it takes three of the five.
    late.push(Math.min(2 * limitMs, Math.max(0, now - due)))
    if (late.length > looks) late.shift()
    change(late.reduce((sum, each) => sum + each, 0) / looks > limitMs)
    due = now + everyMs
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
