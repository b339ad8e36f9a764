import { ContextError } from '@ringfence/context'
import { EngineError } from '../../errors/engine-error.ts'
import { describeFailure, type Failure } from '../../errors/failure.ts'
import { isStoreFailure } from '../../store/store-failure.ts'

export const crashed: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run was given up: whoever executed it was lost each time it was tried.',
}

export const unreadable: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run could not begin: its input cannot be read any more.',
}

/** What a user is told of a run that cannot begin. Undefined for what may be otherwise another time. */
export function refusalOf(error: unknown): Failure | undefined {
  if (isStoreFailure(error)) return undefined
  if (EngineError.is(error)) return describeFailure(error)
  if (ContextError.is(error) || isEnvelopeError(error)) {
    return {
      code: 'CONTEXT_REFUSED',
      message:
        'The run could not begin: what it was to be executed for has expired or does not fit it.',
    }
  }
  return undefined
}

/** The context that was sealed for somebody else's run. */
export function foreign(runId: string): EngineError {
  return new EngineError(
    'FORBIDDEN',
    `The context that came with the run "${runId}" is not its owner's.`,
  )
}

function isEnvelopeError(error: unknown): boolean {
  return error instanceof Error && error.name === 'EnvelopeError'
}
