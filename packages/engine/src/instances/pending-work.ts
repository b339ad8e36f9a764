import { EngineError } from '../errors/engine-error.ts'

/** What a piece of work takes at least, whatever is said in it: the promises, and its place in the scope. */
const leastCharacters = 256

/** What an agent has begun and did not wait for: bounded, so that a loop without an `await` ends its own run alone. */
export class PendingWork {
  readonly #agent: string
  readonly #most: number
  readonly #refuse: (error: EngineError) => void
  #characters = 0
  #refused: EngineError | undefined

  /** `refuse` ends whatever begins too much. */
  constructor(agent: string, most: number, refuse: (error: EngineError) => void) {
    this.#agent = agent
    this.#most = most
    this.#refuse = refuse
  }

  /** Takes room for something, and what it says, until it has ended. Throws `TOO_MUCH_PENDING`, from then on always. */
  begin(said: unknown): () => void {
    if (this.#refused !== undefined) throw this.#refused
    const taken = Math.max(leastCharacters, typeof said === 'string' ? said.length : 0)
    if (this.#characters > 0 && this.#characters + taken > this.#most) {
      this.#refused = tooMuch(this.#agent)
      this.#refuse(this.#refused)
      throw this.#refused
    }
    this.#characters += taken
    return () => {
      this.#characters -= taken
    }
  }
}

function tooMuch(agent: string): EngineError {
  return new EngineError(
    'TOO_MUCH_PENDING',
    `The agent "${agent}" began more than it may without waiting for any of it. Await \`text\`, \`think\`, \`call\` and \`delegate\`.`,
  )
}
