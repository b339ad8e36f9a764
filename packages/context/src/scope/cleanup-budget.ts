import { runtime, type Frame } from '../internal/runtime.ts'
import { startTimer } from '../internal/timer.ts'
import { abortNow } from './abort.ts'

/**
 * The time that all cleanups of a scope may take together. Its signal is made for the first cleanup that takes one,
 * and its timer for the first that is asynchronous.
 */
export class CleanupBudget {
  readonly #endsAt: number
  readonly #frame: Frame
  #controller: AbortController | undefined
  #spent: Promise<'spent'> | undefined
  #stopTimer: (() => void) | undefined

  constructor(ms: number, frame: Frame) {
    this.#endsAt = Date.now() + ms
    this.#frame = frame
  }

  /** Aborts when the budget is spent. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Resolves when the budget is spent. */
  get spent(): Promise<'spent'> {
    this.#spent ??= new Promise((resolve) => {
      this.#stopTimer = startTimer(Math.max(0, this.#endsAt - Date.now()), () => {
        this.#abort()
        resolve('spent')
      })
    })
    return this.#spent
  }

  stop(): void {
    this.#stopTimer?.()
  }

  // Also for a cleanup that starts when the budget is spent already, and asks for its signal then.
  #abort(): void {
    this.#controller ??= new AbortController()
    const reason = new DOMException('The cleanup budget is spent', 'TimeoutError')
    runtime().storage.run(this.#frame, abortNow, this.#controller, reason)
  }
}
