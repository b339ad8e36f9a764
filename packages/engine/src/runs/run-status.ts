import { EngineError } from '../errors/engine-error.ts'
import type { DurableEvent } from '../events/agent-event.ts'

/** Where a run stands. The last three are final. */
export type RunStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'

const following: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ['running', 'failed', 'cancelled'],
  running: ['completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
}

const leadsTo: Readonly<Partial<Record<DurableEvent['type'], RunStatus>>> = {
  agent_started: 'running',
  agent_completed: 'completed',
  agent_error: 'failed',
  agent_cancelled: 'cancelled',
}

/** The status itself where a run may go there from where it stands. Throws `RUN_STATE`. */
export function advance(from: RunStatus, to: RunStatus): RunStatus {
  if (following[from].includes(to)) return to
  const ways = following[from].length === 0 ? 'nowhere' : `to ${following[from].join(', ')}`
  throw new EngineError(
    'RUN_STATE',
    `A run that is ${from} cannot become ${to}: it can go ${ways}. The events of a run must be added in their order.`,
  )
}

/** Where an event leaves the run: most leave it where it is. Throws `RUN_STATE`. */
export function statusAfter(status: RunStatus, type: DurableEvent['type']): RunStatus {
  const next = leadsTo[type]
  return next === undefined ? status : advance(status, next)
}
