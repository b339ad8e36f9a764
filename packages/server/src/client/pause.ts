/** Waits, unless the signal aborts: then it rejects with its reason. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(asError(signal.reason))
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, milliseconds)
    function abort(): void {
      clearTimeout(timer)
      reject(asError(signal?.reason))
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException('It was aborted', 'AbortError')
}
