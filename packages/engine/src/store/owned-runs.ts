import type { MemoryRun } from './memory-run.ts'

/** One owner's runs in memory, oldest first, and what they take. */
export class OwnedRuns {
  readonly owner: string
  readonly runs: Map<string, MemoryRun> = new Map()
  /** Characters of JSON that their events take. */
  characters = 0

  constructor(owner: string) {
    this.owner = owner
  }
}
