import type { TransientEvent } from './agent-event.ts'

/** Who watches a run. Called in whatever scope: it must only take note. */
export interface LiveWatcher {
  show(event: TransientEvent): void
  /** Events with these numbers are stored. Returns what the run is to wait for, if anything. */
  stored(first: number, last: number): Promise<void> | undefined
  /** The run is over: whatever is not stored now never will be. */
  over(): void
}

/** Runs whose end is remembered because it could not be stored. */
const mostLost = 1_000

/** Transient events on their way to whoever watches a run now. Indexed by owner first (I8). */
export class LiveEvents {
  readonly #watchers = new Map<string, Map<string, Set<LiveWatcher>>>()
  /** By owner and run, the oldest first. A canonical owner says where it ends. */
  readonly #lost = new Set<string>()

  /** Returns how to stop. */
  watch(owner: string, runId: string, watcher: LiveWatcher): () => void {
    const runs = this.#watchers.get(owner) ?? new Map<string, Set<LiveWatcher>>()
    this.#watchers.set(owner, runs)
    const watchers = runs.get(runId) ?? new Set<LiveWatcher>()
    runs.set(runId, watchers)
    watchers.add(watcher)
    if (this.#lost.has(`${owner}${runId}`)) watcher.over()
    return () => {
      watchers.delete(watcher)
      if (watchers.size > 0 || runs.get(runId) !== watchers) return
      runs.delete(runId)
      if (runs.size === 0 && this.#watchers.get(owner) === runs) this.#watchers.delete(owner)
    }
  }

  /** Makes the event only where somebody watches: ten thousand waiting runs are told of their place. */
  publish(owner: string, runId: string, make: () => TransientEvent): void {
    const watchers = this.#watchers.get(owner)?.get(runId)
    if (watchers === undefined) return
    const event = make()
    for (const watcher of watchers) watcher.show(event)
  }

  /** Whether anybody watches the run. */
  isWatched(owner: string, runId: string): boolean {
    return this.#watchers.get(owner)?.has(runId) === true
  }

  /** Returns what is to be waited for: that everybody who says so has kept up. */
  stored(owner: string, runId: string, first: number, last: number): Promise<void> | undefined {
    const watchers = this.#watchers.get(owner)?.get(runId)
    if (watchers === undefined) return undefined
    let rooms: Promise<void>[] | undefined
    for (const watcher of watchers) {
      const room = watcher.stored(first, last)
      if (room !== undefined) (rooms ??= []).push(room)
    }
    return rooms === undefined ? undefined : Promise.all(rooms).then(() => undefined)
  }

  /** The run is over. Where its end is not stored, whoever comes later is told of it, too. */
  end(owner: string, runId: string, stored: boolean): void {
    if (!stored) this.#remember(`${owner}${runId}`)
    for (const watcher of this.#watchers.get(owner)?.get(runId) ?? []) watcher.over()
  }

  #remember(lost: string): void {
    this.#lost.add(lost)
    const [oldest] = this.#lost
    if (this.#lost.size > mostLost && oldest !== undefined) this.#lost.delete(oldest)
  }
}
