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

/** What this process cannot begin, but another one may. */
const elsewhere = new Set([
  'UNKNOWN_AGENT',
  'ENGINE_CLOSED',
  'OWNER_QUEUE_FULL',
  'QUEUE_FULL',
  'TOO_MANY_ORPHANS',
])

/** Whether a run that could not begin here is left to others: another version, one with room, one whose clock is right. */
export function isForOthers(error: unknown): boolean {
  if (EngineError.is(error)) return elsewhere.has(error.code)
  // Sealed later than it is here: this clock is slow.
  return isEnvelopeError(error) && 'code' in error && error.code === 'NOT_YET_VALID'
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

function isEnvelopeError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'EnvelopeError'
}
