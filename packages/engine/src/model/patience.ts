import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import type { ModelLimits } from './model-limits.ts'

/** How long a call of a model is waited for: until it begins to answer, and between two pieces. One timer for each call. */
export class Patience {
  readonly #idleMs: number
  readonly #giveUp: (error: EngineError) => void
  #timer: ReturnType<typeof setTimeout>
  #heardAt: number | undefined

  constructor(
    { firstPartMs, idleMs }: Pick<ModelLimits, 'firstPartMs' | 'idleMs'>,
    giveUp: (error: EngineError) => void,
  ) {
    this.#idleMs = idleMs
    this.#giveUp = giveUp
    this.#timer = setTimeout(
      () => giveUp(tooLate(`The model did not begin to answer within ${firstPartMs} ms.`)),
      timerMs(firstPartMs),
    )
  }

  /** A piece has arrived. */
  heard(): void {
    const first = this.#heardAt === undefined
    this.#heardAt = performance.now()
    if (first) this.#wait(this.#idleMs)
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#check(), timerMs(ms))
  }

  /** The timer is set anew only when it fires: pieces come by the thousand. */
  #check(): void {
    const leftMs = this.#idleMs - (performance.now() - (this.#heardAt ?? 0))
    if (leftMs > 0) this.#wait(leftMs)
    else this.#giveUp(tooLate(`The model stopped answering for ${this.#idleMs} ms.`))
  }
}

function tooLate(message: string): EngineError {
  return new EngineError('MODEL_DEADLINE', message)
}
