import { canonicalOwner, type Owner } from '@ringfence/context'

/**
 * Which attempt of which run this process has: what it writes to a run counts only while that attempt is the newest.
 * A run that no attempt is held of here can be written to only as long as nobody has ever taken it from the queue.
 */
export class HeldAttempts {
  readonly #attempts = new Map<string, Map<string, number>>()

  hold(owner: Owner, runId: string, attempt: number): () => void {
    const key = canonicalOwner(owner)
    const runs = this.#attempts.get(key) ?? new Map<string, number>()
    this.#attempts.set(key, runs)
    runs.set(runId, attempt)
    return () => {
      if (runs.get(runId) !== attempt) return
      runs.delete(runId)
      if (runs.size === 0 && this.#attempts.get(key) === runs) this.#attempts.delete(key)
    }
  }

  of(owner: Owner, runId: string): number {
    return this.#attempts.get(canonicalOwner(owner))?.get(runId) ?? 0
  }
}
