import { checkedLimit } from '../internal/checked-limit.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'

/** How often, and how soon, a call that failed for a passing reason is tried again. */
export interface RetryOptions {
  /** Tries in all. 1 never tries again. Default 3. */
  readonly attempts: number
  /** Milliseconds before the second try; doubled before each further one, and a random part taken off. Default 500. */
  readonly firstDelayMs: number
  /** Milliseconds that one wait may take. A provider that asks for a longer one is not tried again. Default 20,000. */
  readonly longestDelayMs: number
}

const defaults: RetryOptions = { attempts: 3, firstDelayMs: 500, longestDelayMs: 20_000 }

/** Throws TypeError for what is no number of tries or milliseconds. */
export function resolveRetry(options: Partial<RetryOptions> = {}): RetryOptions {
  const given = withoutUndefined(options)
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`There is no \`retry.${name}\``)
    checkedLimit(`retry.${name}`, value, name === 'attempts' ? 1 : 0)
  }
  return Object.freeze({ ...defaults, ...given })
}

/**
 * Milliseconds to wait after the failed try of that number, or undefined where it was the last. What the other
 * side asked for is waited for in full: a shorter wait would only be refused again.
 */
export function delayBefore(
  attempt: number,
  askedForMs: number | undefined,
  { attempts, firstDelayMs, longestDelayMs }: RetryOptions,
): number | undefined {
  if (attempt >= attempts) return undefined
  if (askedForMs !== undefined) return askedForMs <= longestDelayMs ? askedForMs : undefined
  const longest = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1))
  return longest / 2 + (Math.random() * longest) / 2
}

/** Resolves after so many milliseconds; rejects at once when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
