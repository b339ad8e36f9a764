// What the platforms' 32-bit timers can hold; asked for more, they fire at once.
export const longestTimerMs: number = 2_147_483_647

/**
 * Calls back once after `ms`, however long that is; never for `Infinity`. Returns how to stop it.
 */
export function startTimer(ms: number, callback: () => void): () => void {
  if (ms === Infinity) return () => undefined
  if (ms > longestTimerMs) return startLongTimer(Date.now() + ms, callback)
  const timer = setTimeout(callback, Math.max(0, ms))
  return () => clearTimeout(timer)
}

/** In several stages. */
function startLongTimer(end: number, callback: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>
  const arm = (): void => {
    const left = end - Date.now()
    timer =
      left > longestTimerMs
        ? setTimeout(arm, longestTimerMs)
        : setTimeout(callback, Math.max(0, left))
  }
  arm()
  return () => clearTimeout(timer)
}
