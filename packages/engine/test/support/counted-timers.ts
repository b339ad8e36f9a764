/**
 * Counts, from now on, the timers that were set and neither fired nor were stopped. The platform's own count would
 * have those of the test runner in it, which come and go. Replaces the process's functions: for a file of its own.
 */
export function countedTimers(): () => number {
  const pending = new Set<unknown>()
  const setting = (repeats: boolean): ProxyHandler<typeof setTimeout> => ({
    apply: (set, self, [callback, ...others]: [() => void, ...unknown[]]) => {
      const timer: unknown = Reflect.apply(set, self, [
        (...values: []) => {
          if (!repeats) pending.delete(timer)
          callback(...values)
        },
        ...others,
      ])
      pending.add(timer)
      return timer
    },
  })
  const clearing: ProxyHandler<typeof clearTimeout> = {
    apply: (clear, self, [timer]: [unknown]) => {
      pending.delete(timer)
      Reflect.apply(clear, self, [timer])
    },
  }
  globalThis.setTimeout = new Proxy(globalThis.setTimeout, setting(false))
  globalThis.setInterval = new Proxy(globalThis.setInterval, setting(true))
  globalThis.clearTimeout = new Proxy(globalThis.clearTimeout, clearing)
  globalThis.clearInterval = new Proxy(globalThis.clearInterval, clearing)
  return () => pending.size
}
