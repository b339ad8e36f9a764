import { runOutside } from '@ringfence/context'
import { timerMs } from '../internal/timer-ms.ts'

const toleranceMs = 5_000

interface Waiting {
  /** By the same clock as `performance.now()`. */
  readonly due: number
  readonly giveUp: () => void
}

/**
 * How long anything may wait, on one timer for all of it: ten thousand runs in a queue cost what one does. There
 * is no timer while nothing waits.
 */
export class WaitLimit {
  readonly #ms: number
  /** All wait equally long, so they are due in the order in which they came. */
  readonly #waiting = new Set<Waiting>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number) {
    this.#ms = ms
  }

  /** Whether something waits that should have been given up, with a little time for a timer to be late. */
  get overdue(): boolean {
    const [oldest] = this.#waiting
    return oldest !== undefined && performance.now() > oldest.due + toleranceMs
  }

  /** Calls `giveUp`, in no scope, when the time is over. Returns how to stop waiting. */
  begin(giveUp: () => void): () => void {
    const waiting: Waiting = { due: performance.now() + this.#ms, giveUp }
    this.#waiting.add(waiting)
    this.#timer ??= this.#start(this.#ms)
    return () => {
      this.#waiting.delete(waiting)
      if (this.#waiting.size === 0) this.#stop()
    }
  }

  /** In no scope: it ends everybody's wait, and must keep nobody's context. */
  #start(ms: number): ReturnType<typeof setTimeout> {
    return runOutside(() => setTimeout(() => this.#giveUpOverdue(), timerMs(Math.ceil(ms))))
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #giveUpOverdue(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (waiting.due > now) {
        this.#timer = this.#start(waiting.due - now)
        return
      }
      this.#waiting.delete(waiting)
      waiting.giveUp()
    }
  }
}
