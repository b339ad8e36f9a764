import { runOutside } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'

/** The end of an engine: from its beginning nothing starts any more. */
export class Shutdown {
  readonly #listeners = new Set<() => void>()
  #reason: EngineError | undefined
  #ended: Promise<void> | undefined

  get begun(): boolean {
    return this.#ended !== undefined
  }

  /** Set when nobody is waited for any more whose run goes on elsewhere. */
  get reason(): EngineError | undefined {
    return this.#reason
  }

  /** Tells the listener that nobody is. Returns how to take it back. As many listen as runs are waited for. */
  onOver(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Throws `ENGINE_CLOSED` once it has begun. */
  refuseStarts(): void {
    if (this.#ended !== undefined) throw engineClosed()
  }

  /** Ends the runs that go on here, then whoever waits for others, and then settles what is left. The first call counts. */
  begin(endRuns: () => Promise<void>, settle: () => Promise<void>): Promise<void> {
    return (this.#ended ??= runOutside(async () => {
      await endRuns()
      this.#reason = engineClosed()
      for (const listener of this.#listeners) listener()
      await settle()
    }))
  }
}

function engineClosed(): EngineError {
  return new EngineError('ENGINE_CLOSED', 'The server is shutting down and starts no more runs.')
}
