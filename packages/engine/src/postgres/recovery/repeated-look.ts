import { runOutside } from '@ringfence/context'

/** Looks again and again, in nobody's scope, and never twice at once: a look that takes longer than the time between is waited for. */
export class RepeatedLook {
  readonly #timer: ReturnType<typeof setInterval>
  #looking: Promise<void> | undefined

  /** `look` never rejects. */
  constructor(look: () => Promise<void>, everyMs: number) {
    this.#timer = runOutside(() =>
      setInterval(() => {
        this.#looking ??= look().finally(() => {
          this.#looking = undefined
        })
      }, everyMs),
    )
    this.#timer.unref()
  }

  /** Resolves when it looks no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }
}
