import { propertyOf } from '../../internal/property-of.ts'
import type { EngineLogger } from '../../logger.ts'
import { OutageLog } from '../../store/outage-log.ts'
import { storeUnavailable } from '../../store/store-failure.ts'

/** Tells a server that is lost from one that refuses. */
export class ServerOutage {
  readonly #log: OutageLog

  constructor(logger: EngineLogger | undefined) {
    this.#log = new OutageLog(logger, 'the database answers again')
  }

  lost(error: unknown): void {
    this.#log.failed('', { err: error }, 'the database cannot be reached')
  }

  /** Whatever keeps a connection from being there. */
  unreachable(error: unknown): unknown {
    this.lost(error)
    return storeUnavailable('database', error)
  }

  reached(): void {
    this.#log.worked()
  }

  /** Sends something. */
  async ask<Result>(send: () => Promise<Result>): Promise<Result> {
    try {
      return await send()
    } catch (error) {
      throw isLost(error) ? this.unreachable(error) : error
    }
  }
}

const lostStates = new Set(['57P01', '57P02', '57P03', '53300'])

/** Whether the server is gone: what it says itself is an answer, but for its last words. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof TypeError) return false
  if (!('severity' in error)) return true
  const code = propertyOf(error, 'code')
  return typeof code === 'string' && (code.startsWith('08') || lostStates.has(code))
}
