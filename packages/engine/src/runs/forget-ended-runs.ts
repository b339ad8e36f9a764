import { EngineError } from '../errors/engine-error.ts'
import type { RunStore } from '../store/run-store.ts'

/** Removes the current owner's runs that have ended. Resolves with how many there were. */
export async function forgetEndedRuns(runs: RunStore): Promise<number> {
  let forgotten = 0
  for (const runId of await endedRuns(runs)) {
    if (await remove(runs, runId)) forgotten += 1
  }
  return forgotten
}

/** All of them before the first is removed: a page begins after a run that has to be there still. */
async function endedRuns(runs: RunStore): Promise<string[]> {
  const ended: string[] = []
  let page = await runs.list({ limit: 100 })
  for (;;) {
    for (const { runId, endedAt } of page.runs) if (endedAt !== undefined) ended.push(runId)
    if (page.next === undefined) return ended
    page = await runs.list({ limit: 100, before: page.next })
  }
}

async function remove(runs: RunStore, runId: string): Promise<boolean> {
  try {
    return await runs.delete(runId)
  } catch (error) {
    // It goes on after all.
    if (EngineError.is(error) && error.code === 'RUN_GOES_ON') return false
    throw error
  }
}
