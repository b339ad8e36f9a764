import { EngineError, type EngineErrorCode } from '../errors/engine-error.ts'

/** How many starts were refused, by the code of the refusal. Counted for all owners together: names nobody. */
export class RefusedStarts {
  readonly #counts = new Map<EngineErrorCode, number>()

  /** Counts what `start` throws. What is no refusal of the engine's has no code to stand under. */
  count(error: unknown): void {
    if (!(error instanceof EngineError)) return
    this.#counts.set(error.code, (this.#counts.get(error.code) ?? 0) + 1)
  }

  /** Only the codes that there were. */
  read(): Readonly<Partial<Record<EngineErrorCode, number>>> {
    return Object.fromEntries(this.#counts)
  }
}
