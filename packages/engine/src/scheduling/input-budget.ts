import { EngineError } from '../errors/engine-error.ts'

export interface InputLimits {
  readonly ownerInputCharacters: number
  readonly inputCharacters: number
}

const retryAfterMs = 1_000

/**
 * How much memory the inputs of runs that have not ended may hold, per owner and in all (I9): a run that waits
 * keeps its input, and a queue is only as bounded as what it holds.
 */
export class InputBudget {
  readonly #limits: InputLimits
  readonly #owners = new Map<string, number>()
  #held = 0

  constructor(limits: InputLimits) {
    this.#limits = limits
  }

  /**
   * Takes room for an input. Returns how to give it back. Throws `INVALID_INPUT` for one that never fits,
   * `OWNER_QUEUE_FULL` and `QUEUE_FULL` for one that does not fit now.
   */
  take(owner: string, characters: number): () => void {
    const { ownerInputCharacters, inputCharacters } = this.#limits
    if (characters > Math.min(ownerInputCharacters, inputCharacters)) {
      throw new EngineError(
        'INVALID_INPUT',
        `The input takes about ${characters} characters; at most ${Math.min(ownerInputCharacters, inputCharacters)} are allowed.`,
        { issues: [{ path: '', message: 'too large' }] },
      )
    }
    const owned = this.#owners.get(owner) ?? 0
    if (owned + characters > ownerInputCharacters) {
      throw new EngineError(
        'OWNER_QUEUE_FULL',
        'The inputs of your runs take as much memory as they may. Try again when one has ended.',
        { retryAfterMs },
      )
    }
    if (this.#held + characters > inputCharacters) {
      throw new EngineError(
        'QUEUE_FULL',
        'The server holds as much input as it can. Try again later.',
        { retryAfterMs },
      )
    }
    this.#owners.set(owner, owned + characters)
    this.#held += characters
    let given = false
    return () => {
      if (given) return
      given = true
      this.#held -= characters
      const left = (this.#owners.get(owner) ?? characters) - characters
      if (left > 0) this.#owners.set(owner, left)
      else this.#owners.delete(owner)
    }
  }

  /** Characters held now. */
  get held(): number {
    return this.#held
  }
}
