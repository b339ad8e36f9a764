/**
 * A signal that aborts with the first of two, and how to let go of both: by hand, because AbortSignal.any with a
 * long-lived source leaks.
 */
export function eitherSignal(
  one: AbortSignal,
  other: AbortSignal | undefined,
): { readonly signal: AbortSignal; release(): void } {
  if (other === undefined) return { signal: one, release: () => undefined }
  const controller = new AbortController()
  const aborts = [one, other].map((signal) => ({
    signal,
    abort: () => controller.abort(signal.reason),
  }))
  for (const { signal, abort } of aborts) {
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  }
  return {
    signal: controller.signal,
    release() {
      for (const { signal, abort } of aborts) signal.removeEventListener('abort', abort)
    },
  }
}
