import type { TransientEvent } from './agent-event.ts'

type Watcher = (event: TransientEvent) => void

/** Transient events on their way to whoever watches a run now. Indexed by owner first (I8). */
export class LiveEvents {
  readonly #watchers = new Map<string, Map<string, Set<Watcher>>>()

  /** Returns how to stop. */
  watch(owner: string, runId: string, watcher: Watcher): () => void {
    const runs = this.#watchers.get(owner) ?? new Map<string, Set<Watcher>>()
    this.#watchers.set(owner, runs)
    const watchers = runs.get(runId) ?? new Set<Watcher>()
    runs.set(runId, watchers)
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size > 0 || runs.get(runId) !== watchers) return
      runs.delete(runId)
      if (runs.size === 0 && this.#watchers.get(owner) === runs) this.#watchers.delete(owner)
    }
  }

  publish(owner: string, runId: string, event: TransientEvent): void {
    for (const watcher of this.#watchers.get(owner)?.get(runId) ?? []) watcher(event)
  }
}
