import { runOutside } from '@ringfence/context'
import { timerMs } from '../internal/timer-ms.ts'

/** Work that may take long, until it ends. */
export interface TickingWork {
  dueAt: number
  readonly tick: () => void
}

/**
 * Calls back every so often for work that goes on. One timer for all of it, and none when there is none; work that
 * ends before its first turn is never called back for.
 */
export class ProgressTicker {
  readonly #everyMs: number
  readonly #works = new Set<TickingWork>()
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `Infinity` never calls back. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Whether a timer runs. */
  get waiting(): boolean {
    return this.#timer !== undefined
  }

  /** Begins to call back. In no scope: it must only take note. */
  begin(tick: () => void): TickingWork {
    const work: TickingWork = { dueAt: Date.now() + this.#everyMs, tick }
    this.#works.add(work)
    if (this.#timer === undefined) this.#arm()
    return work
  }

  /** Something was told of it: the next report is as far away as the first one was. */
  postpone(work: TickingWork): void {
    work.dueAt = Date.now() + this.#everyMs
  }

  end(work: TickingWork): void {
    this.#works.delete(work)
    if (this.#works.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    if (this.#everyMs === Infinity) return
    let next = Infinity
    for (const { dueAt } of this.#works) next = Math.min(next, dueAt)
    const waitMs = timerMs(Math.max(1, next - Date.now()))
    this.#timer = runOutside(() => setTimeout(() => this.#tick(), waitMs))
  }

  #tick(): void {
    this.#timer = undefined
    const now = Date.now()
    for (const work of this.#works) {
      if (work.dueAt > now) continue
      work.dueAt = now + this.#everyMs
      work.tick()
    }
    if (this.#works.size > 0) this.#arm()
  }
}
