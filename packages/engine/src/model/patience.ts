import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import type { ModelLimits } from './model-limits.ts'

/** How long a call of a model is waited for: until it begins to answer, and between two pieces. One timer for each call. */
export class Patience {
  readonly #firstPartMs: number
  readonly #idleMs: number
  readonly #giveUp: (error: EngineError) => void
  readonly #since = performance.now()
  #timer: ReturnType<typeof setTimeout>
  #heardAt: number | undefined
  /** The timer is set for an answer that is late to begin. */
  #waitsLong = false

  constructor(
    { firstPartMs, idleMs }: Pick<ModelLimits, 'firstPartMs' | 'idleMs'>,
    giveUp: (error: EngineError) => void,
  ) {
    this.#firstPartMs = firstPartMs
    this.#idleMs = idleMs
    this.#giveUp = giveUp
    // The sooner of both, whichever it will be: most calls have ended by then.
    this.#timer = this.#wait(Math.min(firstPartMs, idleMs))
  }

  /** A piece has arrived. */
  heard(): void {
    const first = this.#heardAt === undefined
    this.#heardAt = performance.now()
    if (!first || !this.#waitsLong) return
    clearTimeout(this.#timer)
    this.#timer = this.#wait(this.#idleMs)
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #wait(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#check(), timerMs(Math.ceil(ms)))
  }

  /** The timer is set anew only when it fires: pieces come by the thousand. */
  #check(): void {
    const heardAt = this.#heardAt
    const due = heardAt === undefined ? this.#since + this.#firstPartMs : heardAt + this.#idleMs
    const leftMs = due - performance.now()
    if (leftMs > 0) {
      this.#waitsLong = heardAt === undefined
      this.#timer = this.#wait(leftMs)
    } else if (heardAt !== undefined)
      this.#giveUp(tooLate(`The model stopped answering for ${this.#idleMs} ms.`))
    else this.#giveUp(tooLate(`The model did not begin to answer within ${this.#firstPartMs} ms.`))
  }
}

function tooLate(message: string): EngineError {
  return new EngineError('MODEL_DEADLINE', message)
}
