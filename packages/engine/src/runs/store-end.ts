import { EngineError } from '../errors/engine-error.ts'
import type { UnnumberedEvent } from '../events/agent-event.ts'
import type { WaitingOver } from '../idempotency/run-outcome.ts'
import type { RunStore } from '../store/run-store.ts'

const firstMs = 250
const mostMs = 5_000

/** What the store answers where there is nothing left to store: it has the end, or the run is not there, or is another attempt's. */
const settled = new Set(['RUN_ENDED', 'RUN_NOT_FOUND', 'ATTEMPT_OVER'])

/** Stores the end of a run of the current owner. False where the store does not take it now. Never rejects. */
export async function storeEnd(
  runs: RunStore,
  runId: string,
  events: readonly UnnumberedEvent[],
): Promise<boolean> {
  try {
    await runs.append(runId, events)
    return true
  } catch (error) {
    return EngineError.is(error) && settled.has(error.code)
  }
}

/**
 * Tries something that did not succeed again and again, later each time, until it is done or nobody waits for it any more; then
 * once more. Resolves with whether it is done.
 */
export async function untilDone(
  attempt: () => Promise<boolean>,
  over: WaitingOver,
): Promise<boolean> {
  for (let waitMs = firstMs; ; waitMs = Math.min(mostMs, 2 * waitMs)) {
    await pause(waitMs, over)
    const last = over.reason !== undefined
    if (await attempt()) return true
    if (last) return false
  }
}

/** Over as soon as one of two is. */
export function eitherOver(one: WaitingOver, other: WaitingOver): WaitingOver {
  return {
    get reason() {
      return one.reason ?? other.reason
    },
    onOver: (listener) => {
      const forget = [one.onOver(listener), other.onOver(listener)]
      return () => {
        for (const each of forget) each()
      }
    },
  }
}

/** Shorter where waiting is over. */
async function pause(ms: number, over: WaitingOver): Promise<void> {
  if (over.reason !== undefined) return
  let timer: ReturnType<typeof setTimeout> | undefined
  let forget: (() => void) | undefined
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
    forget = over.onOver(resolve)
  })
  clearTimeout(timer)
  forget?.()
}
