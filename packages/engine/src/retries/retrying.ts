import { currentScope, type Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import { retryAfterOf } from './retry-after.ts'
import { backoffMs, type RetryPolicy } from './retry-policy.ts'
import { verdictOn } from './verdict.ts'

/**
 * Calls `attempt` with 1, 2 and so on, until it succeeds, fails for good, or has failed as often as it may. Waits
 * in between, as long as the error asks for (`Retry-After`) or a random time that grows; a wait that would outlast the
 * deadline of the current scope is not begun, and one is broken off when the scope aborts. Rejects with what the
 * last attempt failed with.
 */
export async function retrying<Result>(
  attempt: (number: number) => Promise<Result>,
  policy: RetryPolicy,
  random: () => number,
): Promise<Result> {
  let last: unknown
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number)
    } catch (error) {
      // A circuit that has opened says nothing that the failure before it did not say better.
      if (number > 1 && isCircuitOpen(error)) throw last
      if (number >= policy.attempts || verdictOn(error) !== 'failed') throw error
      const scope = currentScope()
      const waitMs = retryAfterOf(error, Date.now()) ?? backoffMs(policy, number, random())
      if (scope.deadline !== undefined && Date.now() + waitMs >= scope.deadline) throw error
      await wait(waitMs, scope)
      last = error
    }
  }
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
