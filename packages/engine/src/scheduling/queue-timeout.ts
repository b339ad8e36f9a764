import { EngineError } from '../errors/engine-error.ts'

/** What a run ends with that waited for as long as one may. */
export function queueTimeout(queueMs: number): EngineError {
  return new EngineError(
    'QUEUE_TIMEOUT',
    `The run waited ${queueMs} ms for its turn and was given up.`,
  )
}
