import { currentScope, type Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import { retryAfterOf } from './retry-after.ts'
import { backoffMs, type RetryPolicy } from './retry-policy.ts'
import { verdictOn } from './verdict.ts'

export interface RetryingOptions {
  readonly policy: RetryPolicy
  /** From 0 to 1. */
  readonly random: () => number
  /** Whether another attempt is allowed where an error alone would allow it. Default: it is. */
  readonly mayRepeat?: () => boolean
  /** Told of every failure, and of the wait before the next attempt; undefined where there is none. */
  readonly onFailure?: (error: unknown, attempt: number, waitMs: number | undefined) => void
}

/**
 * Calls `attempt` with 1, 2 and so on, until it succeeds, fails for good, or has failed as often as it may. Waits
 * in between, as long as the error asks for (`Retry-After`) or a random time that grows; a wait that would outlast the
 * deadline of the current scope is not begun, and one is broken off when the scope aborts. Rejects with what the
 * last attempt failed with.
 */
export function retrying<Result>(
  attempt: (number: number) => Promise<Result>,
  options: RetryingOptions,
): Promise<Result> {
  return attempt(1).catch((error: unknown) => retryAfter(error, attempt, options))
}

/** The same, where the first attempt was made and has failed: most succeed, and need nothing of this. */
export async function retryAfter<Result>(
  first: unknown,
  attempt: (number: number) => Promise<Result>,
  options: RetryingOptions,
): Promise<Result> {
  let last = first
  for (let number = 1; ; number += 1) {
    const waitMs = waitAfter(last, number, options)
    options.onFailure?.(last, number, waitMs)
    if (waitMs === undefined) throw last
    await wait(waitMs, currentScope())
    try {
      return await attempt(number + 1)
    } catch (error) {
      // A circuit that has opened says nothing that the failure before it did not say better.
      if (isCircuitOpen(error)) throw last
      last = error
    }
  }
}

/** Milliseconds to wait after an attempt, or undefined where it was the last. */
function waitAfter(
  error: unknown,
  number: number,
  { policy, random, mayRepeat }: RetryingOptions,
): number | undefined {
  if (number >= policy.attempts || verdictOn(error) !== 'failed') return undefined
  if (mayRepeat?.() === false) return undefined
  const { deadline } = currentScope()
  const waitMs = retryAfterOf(error, Date.now()) ?? backoffMs(policy, number, random())
  return deadline !== undefined && Date.now() + waitMs >= deadline ? undefined : waitMs
}

function isCircuitOpen(error: unknown): boolean {
  return EngineError.is(error) && error.code === 'CIRCUIT_OPEN'
}

/** Rejects with the reason when the scope aborts. Leaves no timer and no listener. */
async function wait(ms: number, { signal }: Scope): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is whoever's aborted
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, timerMs(ms))
    signal.addEventListener('abort', stop, { once: true })
  })
}
