import { canonicalOwner, type Owner } from '@ringfence/context'

interface Held {
  readonly attempt: number
  /** Tells whoever executes it that the run is another attempt's. */
  readonly leave: () => void
  readonly released: Promise<void>
}

/**
 * Which attempt of which run this process has: what it writes to a run counts only while that attempt is the newest.
 * A run that no attempt is held of here can be written to only as long as nobody has ever taken it from the queue.
 */
export class HeldAttempts {
  readonly #attempts = new Map<string, Map<string, Held>>()

  /** Returns how to give it up, once it writes no more. */
  hold(owner: Owner, runId: string, attempt: number, leave: () => void): () => void {
    const key = canonicalOwner(owner)
    const runs = this.#attempts.get(key) ?? new Map<string, Held>()
    this.#attempts.set(key, runs)
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const held = { attempt, leave, released }
    runs.set(runId, held)
    return () => {
      release()
      if (runs.get(runId) !== held) return
      runs.delete(runId)
      if (runs.size === 0 && this.#attempts.get(key) === runs) this.#attempts.delete(key)
    }
  }

  of(owner: Owner, runId: string): number {
    return this.#attempts.get(canonicalOwner(owner))?.get(runId)?.attempt ?? 0
  }

  /**
   * Resolves when no attempt of the run is held here. A process that was stopped for a while can be given a run again
   * that it still executes: what the old attempt writes must not pass for the new one's.
   */
  async free(owner: Owner, runId: string): Promise<void> {
    const held = this.#attempts.get(canonicalOwner(owner))?.get(runId)
    held?.leave()
    await held?.released
  }
}
