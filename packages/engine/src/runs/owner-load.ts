import { isOutside } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { LiveRuns } from './live-runs.ts'

/** What one owner has going. */
export interface OwnerLoad {
  /** The canonical spelling; see `canonicalOwner`. */
  readonly owner: string
  readonly running: number
  readonly queued: number
}

/** Throws `SYSTEM_ONLY` inside anybody's scope. */
export function ownerLoads(live: LiveRuns): readonly OwnerLoad[] {
  if (!isOutside()) {
    throw new EngineError(
      'SYSTEM_ONLY',
      'What all owners have going cannot be read in the scope of one. Read it in runOutside(), after checking who asks.',
    )
  }
  return live.byOwner().map(([owner, runs]) => {
    const running = runs.filter(({ started }) => started).length
    return { owner, running, queued: runs.length - running }
  })
}
