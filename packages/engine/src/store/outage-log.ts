import type { EngineLogger } from '../logger.ts'

/** Reasons that are told apart in one outage. */
const mostReasons = 20

/**
 * Tells of an outage when it begins, and when it is over, with how long it was: whoever asks goes on asking, and says it no
 * more often than that. Another reason is told, too.
 */
export class OutageLog {
  readonly #logger: EngineLogger | undefined
  readonly #over: string
  readonly #reasons = new Set<string>()
  #begunAt = 0
  #failures = 0

  /** `over` is what is said at the end. */
  constructor(logger: EngineLogger | undefined, over: string) {
    this.#logger = logger
    this.#over = over
  }

  failed(reason: string, fields: object, message: string): void {
    if (this.#failures === 0) this.#begunAt = performance.now()
    this.#failures += 1
    if (this.#reasons.has(reason) || this.#reasons.size === mostReasons) return
    this.#reasons.add(reason)
    this.#logger?.error(fields, message)
  }

  /** Costs nothing where there was no failure. */
  worked(): void {
    if (this.#failures === 0) return
    const fields = {
      outageMs: Math.round(performance.now() - this.#begunAt),
      failures: this.#failures,
    }
    this.#failures = 0
    this.#reasons.clear()
    this.#logger?.warn(fields, this.#over)
  }
}

/** What tells one reason from another: the code of an error, and what it says where it has none. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
