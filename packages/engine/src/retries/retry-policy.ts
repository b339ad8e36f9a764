import { checkedLimit } from '../internal/checked-limit.ts'

/** How often something is tried, and how long is waited in between. */
export interface RetryOptions {
  /** Attempts in all, the first one included, at most 10. Default 3. */
  readonly attempts?: number | undefined
  /** Milliseconds that the first wait takes at most; each further one twice that. Default 250. */
  readonly baseMs?: number | undefined
  /** Milliseconds that no wait exceeds, unless what failed asks for more. Default 10,000. */
  readonly maxMs?: number | undefined
}

export interface RetryPolicy {
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
}

const defaults: RetryPolicy = Object.freeze({ attempts: 3, baseMs: 250, maxMs: 10_000 })
const mostAttempts = 10

/** The options with the defaults below them. Throws TypeError. */
export function checkedRetry(options: RetryOptions): RetryPolicy {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`There is no retry option \`${name}\``)
    checkedLimit(`retry.${name}`, value, name === 'attempts' ? 1 : 0)
  }
  const { attempts = defaults.attempts, baseMs = defaults.baseMs, maxMs = defaults.maxMs } = options
  const policy = Object.freeze({ attempts, baseMs, maxMs })
  if (policy.attempts > mostAttempts) {
    throw new TypeError(
      `Expected \`retry.attempts\` to be at most ${mostAttempts}, got ${policy.attempts}`,
    )
  }
  return policy
}

/**
 * Milliseconds to wait before the attempt after this one: anything up to twice as much as the time before ("full
 * jitter"), so that those who failed together do not come back together.
 */
export function backoffMs({ baseMs, maxMs }: RetryPolicy, attempt: number, random: number): number {
  return Math.floor(random * Math.min(maxMs, baseMs * 2 ** (attempt - 1)))
}
