import type { UserExecutionEngine } from '@ringfence/engine'
import { type WorkloadResult, workloadResult } from '../result.ts'

/** What the user of the current scope has had analysed. */
export interface OwnAnalyses {
  /** The newest result of theirs; undefined where they have none. Throws `NO_SCOPE`. */
  latest(): Promise<WorkloadResult | undefined>
}

/**
 * Reads the results of the current user's runs of `supervisor`. Whose they are is for the engine to say: nothing in here
 * names a user. It is given later than the agents are, so it comes as a function.
 */
export const ownAnalyses = (engine: () => UserExecutionEngine): OwnAnalyses => ({
  async latest() {
    let before: string | undefined
    do {
      const { runs, next } = await engine().runs({
        limit: 100,
        ...(before === undefined ? {} : { before }),
      })
      const found = runs.find(
        ({ agent, status }) => agent === 'supervisor' && status === 'completed',
      )
      if (found !== undefined) return workloadResult.parse(found.result)
      before = next
    } while (before !== undefined)
    return undefined
  },
})
