import { EngineError } from '../errors/engine-error.ts'

/** How often a model was told of a mistake of its own. It does not get to make them for ever. */
export class Mistakes {
  readonly #most: number
  #made = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Throws `MODEL_MISTAKEN` for one too many. */
  count(): void {
    this.#made += 1
    if (this.#made <= this.#most) return
    throw new EngineError(
      'MODEL_MISTAKEN',
      `The model made ${this.#made} mistakes (tools that are not there, arguments or answers that do not fit); at most ${this.#most} are allowed.`,
    )
  }
}
