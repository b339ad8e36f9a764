import { canonicalOwner, currentScope } from '@ringfence/context'
import type { LiveRun } from './live-run.ts'

/** Runs that have not ended, under their owner (I8). */
export class LiveRuns {
  readonly #owners = new Map<string, Map<string, LiveRun>>()

  add(owner: string, run: LiveRun): void {
    const runs = this.#owners.get(owner) ?? new Map<string, LiveRun>()
    this.#owners.set(owner, runs)
    runs.set(run.runId, run)
  }

  get(owner: string, runId: string): LiveRun | undefined {
    return this.#owners.get(owner)?.get(runId)
  }

  /** The run that the current scope is part of, while it goes on. */
  current(): LiveRun | undefined {
    const { context, owner } = currentScope()
    const { runId } = context
    return runId === undefined ? undefined : this.get(canonicalOwner(owner), runId)
  }

  of(owner: string): LiveRun[] {
    return [...(this.#owners.get(owner)?.values() ?? [])]
  }

  remove(owner: string, run: LiveRun): void {
    const runs = this.#owners.get(owner)
    if (runs?.get(run.runId) !== run) return
    runs.delete(run.runId)
    if (runs.size === 0) this.#owners.delete(owner)
  }

  /** For operators: everybody's, by owner. */
  byOwner(): readonly (readonly [owner: string, runs: readonly LiveRun[]])[] {
    return [...this.#owners].map(([owner, runs]) => [owner, [...runs.values()]] as const)
  }

  /** For shutdown, which ends everybody's. */
  all(): LiveRun[] {
    return [...this.#owners.values()].flatMap((runs) => [...runs.values()])
  }
}
