import { EngineError } from '../errors/engine-error.ts'
import type { EngineStore } from '../store/engine-store.ts'
import type { LostEnds } from './lost-ends.ts'

type Stores = Pick<EngineStore, 'runs' | 'approvals'>

/** Removes the current owner's runs that have ended, with their approvals. Resolves with how many there were. */
export async function forgetEndedRuns(store: Stores, lostEnds: LostEnds): Promise<number> {
  let forgotten = 0
  for (const runId of await endedRuns(store, lostEnds)) {
    if (await remove(store, runId)) forgotten += 1
  }
  return forgotten
}

/** All of them before the first is removed: a page begins after a run that has to be there still. */
async function endedRuns({ runs }: Stores, lostEnds: LostEnds): Promise<string[]> {
  const ended: string[] = []
  let page = await lostEnds.page(await runs.list({ limit: 100 }))
  for (;;) {
    for (const { runId, endedAt } of page.runs) if (endedAt !== undefined) ended.push(runId)
    if (page.next === undefined) return ended
    page = await lostEnds.page(await runs.list({ limit: 100, before: page.next }))
  }
}

async function remove({ runs, approvals }: Stores, runId: string): Promise<boolean> {
  try {
    if (!(await runs.delete(runId))) return false
  } catch (error) {
    // It goes on after all.
    if (EngineError.is(error) && error.code === 'RUN_GOES_ON') return false
    throw error
  }
  await approvals.deleteOf(runId)
  return true
}
