import { canonicalOwner, type Scope } from '@ringfence/context'
import { redactionOf } from '../events/redaction.ts'
import type { InstanceFactory } from '../instances/agent-instance-factory.ts'
import type { EngineParts } from './engine-parts.ts'
import type { ExecutionContexts } from './execution-contexts.ts'
import { IdleDeadline } from './idle-deadline.ts'
import type { LiveRun } from './live-run.ts'
import { openRun, type RunOpening } from './open-run.ts'
import type { RunHandle } from './run-handle.ts'
import { superviseRun } from './supervise-run.ts'

/** What it takes to execute a run here. */
export interface Executing {
  readonly parts: EngineParts
  readonly contexts: ExecutionContexts
  readonly instances: InstanceFactory
}

export interface Launch {
  readonly run: LiveRun
  /** The scope that starts it. */
  readonly caller: Scope
  /** Parsed by the agent's input schema. */
  readonly input: unknown
  /** How many executions lead here. */
  readonly depth: number
  readonly threadId: string | undefined
  /** Stores it as queued. Absent where it is stored already. */
  readonly create: RunOpening['create']
}

/** Opens a run that has its place, with all that it shares with its executions, and has it supervised to its end. */
export function launchRun(
  { parts, contexts, instances }: Executing,
  launch: Launch,
): Promise<RunHandle> {
  const { run, caller, input, depth, threadId, create } = launch
  const {
    accounts,
    agents,
    limits: ofAll,
    live,
    logger,
    now,
    orphans,
    store,
    times,
    waitLimit,
  } = parts
  const { agent, runId, ticket } = run
  const { expectedMs, limits } = agents.get(agent)
  const account = accounts.open(agent, runId)
  const redact = redactionOf(caller.context)
  const guard = orphans.guard({
    owner: canonicalOwner(caller.owner),
    fields: { runId },
    onOrphan: ({ label, ended }, { agent: emitter, callId }) => {
      ticket.charge(ended)
      run.tally?.orphaned(ended)
      account.orphan(ended)
      const data = callId === undefined ? { label } : { label, callId }
      // A run that has ended meanwhile has told its story.
      run.context?.sink
        .append({ type: 'work_orphaned', agent: emitter, data })
        ?.catch(() => undefined)
    },
  })
  return openRun({
    caller,
    run,
    threadId,
    onOrphan: guard.listenerOf({ agent }),
    store: store.runs,
    create,
    live,
    redact,
    logger,
    now,
    times,
    supervise: (journal) => {
      const idle = new IdleDeadline(limits.idleMs ?? ofAll.idleMs, run)
      const context = contexts.ofRun(run, idle, journal, { orphans: guard, account, redact })
      run.context = context
      return superviseRun({
        run,
        input,
        journal,
        depth,
        idle,
        instances,
        context,
        waitLimit,
        runMs: limits.runMs ?? ofAll.runMs,
        expectedMs,
      })
    },
  })
}
