import { runOutside } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'

/** The end of an engine: from its beginning nothing starts any more. */
export class Shutdown {
  readonly #over = new AbortController()
  #ended: Promise<void> | undefined

  get begun(): boolean {
    return this.#ended !== undefined
  }

  /** Aborts when nobody is waited for any more whose run goes on elsewhere. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Throws `ENGINE_CLOSED` once it has begun. */
  refuseStarts(): void {
    if (this.#ended !== undefined) throw engineClosed()
  }

  /** Ends the runs that go on here, then whoever waits for others, and then settles what is left. The first call counts. */
  begin(endRuns: () => Promise<void>, settle: () => Promise<void>): Promise<void> {
    return (this.#ended ??= runOutside(async () => {
      await endRuns()
      this.#over.abort(engineClosed())
      await settle()
    }))
  }
}

function engineClosed(): EngineError {
  return new EngineError('ENGINE_CLOSED', 'The server is shutting down and starts no more runs.')
}
