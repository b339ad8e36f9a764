import type { Owner } from '@ringfence/context'
import { EngineError } from '../../errors/engine-error.ts'
import type { CancelReason } from '../../events/agent-event.ts'
import type { RunControl } from '../../runs/run-queue.ts'
import type { ClaimedJob } from './job-queue.ts'

/** A run that this process was given, from when its job is taken until it is done with. */
export interface ActiveRun {
  readonly job: ClaimedJob
  readonly owner: Owner
  readonly runId: string
  attempt: number
  control: RunControl | undefined
  cancelled: CancelReason | undefined
  /** It was given back: it goes on elsewhere. */
  left: boolean
}

/** Stops executing it, and leaves it as it is to another attempt. */
export function leaveRun({ control, runId }: ActiveRun): void {
  control?.leave(new EngineError('ATTEMPT_OVER', `The run "${runId}" goes on in another attempt.`))
}
