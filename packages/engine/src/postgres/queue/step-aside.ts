const leastMs = 100
const mostMs = 5_000

interface Aside {
  readonly untilMs: number
  readonly forMs: number
}

/**
 * The owners whose next runs this worker leaves to others for a moment, because it could not begin one of theirs: a version
 * that does not know an agent, or one that is full. Twice as long each time, so that a run that nobody can begin does not
 * go back and forth; everybody else's runs are taken as before.
 */
export class StepAside {
  readonly #groups = new Map<string, Aside>()

  /** Leaves the next runs of a group to others. */
  leave(group: string): void {
    const forMs = Math.min(mostMs, (this.#groups.get(group)?.forMs ?? leastMs / 2) * 2)
    this.#groups.set(group, { forMs, untilMs: performance.now() + forMs })
  }

  /** The groups that are left to others now. */
  groups(): readonly string[] {
    const now = performance.now()
    for (const [group, { untilMs }] of this.#groups) {
      // Remembered for a while longer, for how often it was.
      if (untilMs + mostMs * 2 < now) this.#groups.delete(group)
    }
    return [...this.#groups].filter(([, { untilMs }]) => untilMs > now).map(([group]) => group)
  }
}
