import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'
import { notFound } from '../store/not-found.ts'
import type { RunRecord, RunStore } from '../store/run-store.ts'

/**
 * What a run of the current owner ends with, as the store tells it: its result, or an error with the code and
 * message of its terminal event. Waits for the end where the run goes on; rejects when the signal aborts before.
 */
export async function runOutcome(
  runs: RunStore,
  runId: string,
  signal?: AbortSignal,
): Promise<unknown> {
  let wake: () => void = () => undefined
  let woken = false
  const stop = await runs.watch(runId, () => {
    woken = true
    wake()
  })
  const stopWaiting = (): void => wake()
  signal?.addEventListener('abort', stopWaiting)
  try {
    while (true) {
      signal?.throwIfAborted()
      woken = false
      const record = await runs.get(runId)
      if (record === undefined) throw notFound(runId)
      if (record.endedAt !== undefined) return outcomeOf(record)
      if (!woken && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    signal?.removeEventListener('abort', stopWaiting)
    stop()
  }
}

function outcomeOf({ status, result, error }: RunRecord): unknown {
  if (status === 'completed') return result
  if (error !== undefined) throw new AgentError(error.code, error.message)
  throw new EngineError('CANCELLED', 'The run was cancelled.')
}
