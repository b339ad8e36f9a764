import { EngineError } from '../errors/engine-error.ts'
import type { EventSink } from '../instances/execution-context.ts'
import { timerMs } from '../internal/timer-ms.ts'

/**
 * Ends a run that tells nothing for too long: no event, no progress, no call that begins or ends. A sign of life
 * costs a look at the clock and no timer: the one there is looks, when it is over, how long ago the last sign was.
 */
export class IdleDeadline {
  readonly #ms: number
  readonly #run: { interrupt(reason: unknown): void }
  #timer: ReturnType<typeof setTimeout> | undefined
  #lastSign = 0
  #holds = 0

  constructor(ms: number, run: { interrupt(reason: unknown): void }) {
    this.#ms = ms
    this.#run = run
  }

  /** The same sink, where all that is told is a sign of life. */
  watch(sink: EventSink): EventSink {
    return {
      nextCallId: () => sink.nextCallId(),
      append: (draft, joins) => {
        this.#lastSign = performance.now()
        return sink.append(draft, joins)
      },
      show: (draft) => {
        this.#lastSign = performance.now()
        sink.show(draft)
      },
    }
  }

  /** While a person is waited for, nobody expects a sign. Returns how to go on. */
  hold(): () => void {
    this.#holds += 1
    return () => {
      this.#holds -= 1
      this.#lastSign = performance.now()
    }
  }

  begin(): void {
    this.#lastSign = performance.now()
    this.#arm(this.#ms)
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), timerMs(Math.ceil(ms)))
  }

  #look(): void {
    const left = this.#holds > 0 ? this.#ms : this.#lastSign + this.#ms - performance.now()
    if (left > 0) return this.#arm(left)
    const message = `The run told nothing for ${this.#ms} ms and was given up.`
    this.#run.interrupt(new EngineError('IDLE_DEADLINE', message))
  }
}
