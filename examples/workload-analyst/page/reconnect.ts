import { RequestError, UnreachableError } from './client.ts'

/** A connection that ended before its run did; it is worth another attempt. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
}

const pausesMs = [250, 500, 1000, 2000, 4000]

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })

const isWorthRetrying = (error: unknown): boolean =>
  error instanceof ConnectionLostError ||
  error instanceof UnreachableError ||
  (error instanceof RequestError && [401, 429, 502, 503, 504].includes(error.status))

/**
 * Makes attempts until one ends well, pausing a little longer after each that fails for want of a
 * connection; `attempt` says whether it got further, which makes the pauses short again.
 */
export const keepTrying = async (
  attempt: () => Promise<void>,
  {
    signal,
    progress,
    lost,
  }: { signal: AbortSignal; progress: () => number | undefined; lost: () => void },
): Promise<void> => {
  let failures = 0
  for (;;) {
    signal.throwIfAborted()
    const before = progress()
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      if (progress() !== before) failures = 0
      const pause = pausesMs[failures]
      if (pause === undefined || !isWorthRetrying(error)) throw error
      failures += 1
      lost()
      await sleep(pause, signal)
    }
  }
}
