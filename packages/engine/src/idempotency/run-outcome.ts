import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'
import { notFound } from '../store/not-found.ts'
import type { RunRecord, RunStore } from '../store/run-store.ts'

/** The end of all waiting. */
export interface WaitingOver {
  /** Why; undefined as long as it is not over. */
  readonly reason: Error | undefined
  onOver(listener: () => void): () => void
}

/**
 * What a run of the current owner ends with, as the store tells it: its result, or an error with the code and
 * message of its terminal event. Waits for the end where the run goes on; rejects with the reason when waiting is over before.
 */
export async function runOutcome(
  runs: RunStore,
  runId: string,
  waiting?: WaitingOver,
): Promise<unknown> {
  let wake: () => void = () => undefined
  let woken = false
  const stop = await runs.watch(runId, () => {
    woken = true
    wake()
  })
  const forget = waiting?.onOver(() => wake())
  try {
    while (true) {
      if (waiting?.reason !== undefined) throw waiting.reason
      woken = false
      const record = await runs.get(runId)
      if (record === undefined) throw notFound(runId)
      if (record.endedAt !== undefined) return outcomeOf(record)
      if (!woken && waiting?.reason === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    forget?.()
    stop()
  }
}

function outcomeOf({ status, result, error }: RunRecord): unknown {
  if (status === 'completed') return result
  if (error !== undefined) throw new AgentError(error.code, error.message)
  throw new EngineError('CANCELLED', 'The run was cancelled.')
}
