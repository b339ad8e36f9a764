import { EngineError } from '../errors/engine-error.ts'
import { quoted } from '../internal/quoted.ts'

/** The one answer to an id that is not there and to one that is somebody else's (I8). */
export function notFound(runId: string): EngineError {
  return new EngineError('RUN_NOT_FOUND', `There is no run ${quoted(runId)}.`)
}
