import { EngineError } from '../errors/engine-error.ts'
import { describeFailure, failureOf, newWorkScope, type Failure } from '../errors/failure.ts'
import type { EventDraft, TerminalDraft } from '../events/agent-event.ts'
import type { Redact } from '../events/redaction.ts'
import type { RunJournal } from '../events/run-journal.ts'
import type { ExecutionContext } from '../instances/execution-context.ts'
import type { InstanceFactory } from '../instances/agent-instance-factory.ts'
import { toJson } from '../internal/to-json.ts'
import { queueTimeout } from '../scheduling/queue-timeout.ts'
import type { WaitLimit } from '../scheduling/wait-limit.ts'
import type { IdleDeadline } from './idle-deadline.ts'
import type { LiveRun } from './live-run.ts'

export interface Supervision {
  readonly run: LiveRun
  /** Parsed by the agent's input schema. */
  readonly input: unknown
  readonly journal: RunJournal
  readonly instances: InstanceFactory
  readonly context: ExecutionContext
  /** How many executions lead here. */
  readonly depth: number
  readonly waitLimit: WaitLimit
  readonly idle: IdleDeadline
  /** Milliseconds that this agent may execute. */
  readonly runMs: number
  /** Milliseconds that it usually takes, where that is known. */
  readonly expectedMs: number | undefined
}

type Outcome = { readonly result: unknown } | { readonly error: unknown }

/**
 * Takes a run from the queue to its terminal event, in the run's root scope. Whatever happens, the run ends
 * in exactly one terminal event, and its slot is given back. Resolves with the result, or rejects with the
 * error that the event tells of.
 */
export async function superviseRun(supervision: Supervision): Promise<unknown> {
  const { run, journal, context, idle } = supervision
  const { now } = context
  const queuedAt = now()
  let outcome: Outcome
  let startedAt = queuedAt
  try {
    const slot = waitForSlot(supervision)
    if (slot !== undefined) await slot
    if (run.abortion !== undefined) throw run.abortion.reason
    run.started = true
    startedAt = now()
    run.tally?.started(startedAt - queuedAt)
    const begun = context.account.begin()
    if (begun !== undefined) await begun
    idle.begin()
    const told = journal.append(beginning(run, startedAt - queuedAt))
    if (told !== undefined) await told
    outcome = { result: await executeInstance(supervision) }
  } catch (error) {
    outcome = { error: failed(error, supervision) }
  }
  idle.end()
  run.beginEnding()
  if (run.abortion !== undefined && !isOverdue(outcome, context))
    outcome = { error: run.abortion.reason }
  try {
    const settled = context.account.end()
    if (settled !== undefined) await settled
    const [terminal, unfinished] = conclude(outcome, run, now() - startedAt, context.redact)
    run.tally?.ended(terminal)
    const ended = journal.end(terminal, unfinished)
    if (ended !== undefined) await ended
    run.endStored = true
  } finally {
    run.lostEnd = journal.unstored
    run.ticket.release()
    run.finish()
  }
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

/** A run begins once; whoever follows one that begins again is told to forget what the attempt before said. */
function beginning({ agent, restartedAs: attempt }: LiveRun, queuedMs: number): EventDraft {
  return attempt === undefined
    ? { type: 'agent_started', agent, data: { queuedMs } }
    : { type: 'attempt_restarted', agent, data: { attempt } }
}

/** Undefined where there is one already, or where there is to be none: then the run was told to end. */
function waitForSlot(supervision: Supervision): Promise<void> | undefined {
  return supervision.run.ticket.waiting ? waitForTurn(supervision) : undefined
}

async function waitForTurn({ run, waitLimit, context }: Supervision): Promise<void> {
  const { ticket } = run
  const stop = waitLimit.begin(() => {
    ticket.withdraw(queueTimeout(context.limits.queueMs))
  })
  try {
    await ticket.granted
  } finally {
    stop()
  }
}

/** What fails outside of the agent, as a store does, is the log's business, and never its user's. */
function failed(thrown: unknown, { run, context }: Supervision): unknown {
  const { agent, runId } = run
  const error = failureOf(thrown, {
    subject: `The run of the agent "${agent}"`,
    scope: newWorkScope(),
    limitMs: 0,
    deadlineCode: 'RUN_DEADLINE',
    failureCode: 'AGENT_FAILED',
  })
  if (error !== thrown) context.logger?.error({ err: thrown, runId, agent }, 'run failed')
  return error
}

/** Whether the run's own deadline ended it: whatever came while it was stopping came second. */
function isOverdue(outcome: Outcome, { runScope }: ExecutionContext): boolean {
  if ('result' in outcome || runScope.failedItself) return false
  return EngineError.is(outcome.error) && outcome.error.code === 'RUN_DEADLINE'
}

async function executeInstance(supervision: Supervision): Promise<unknown> {
  const { run, input, instances, context, journal, runMs, expectedMs, depth } = supervision
  const { limits, logger, runScope, progress } = context
  const { agent, runId } = run
  const ended = progress.agent({ agent, expectedMs })
  try {
    const output = await instances.executeOnce(agent, input, {
      stop: run,
      work: runScope,
      depth,
    })
    const settled = journal.settled()
    if (settled !== undefined) await settled
    return toJson(output, limits.resultBytes, `The result of the agent "${agent}"`)
  } catch (error) {
    const failure = failureOf(error, {
      subject: `The agent "${agent}"`,
      scope: runScope,
      limitMs: runMs,
      deadlineCode: 'RUN_DEADLINE',
      failureCode: 'AGENT_FAILED',
    })
    if (failure !== error) {
      logger?.error({ err: error, runId, agent, scopeId: runScope.id }, 'agent failed')
    }
    throw failure
  } finally {
    ended()
  }
}

/** The terminal event, and what is said of calls that were still open. */
function conclude(
  outcome: Outcome,
  run: LiveRun,
  durationMs: number,
  redact: Redact,
): [TerminalDraft, Failure] {
  const { agent, cancelled } = run
  if ('result' in outcome) {
    return [
      { type: 'agent_completed', agent, data: { result: outcome.result, durationMs } },
      { code: 'AGENT_FAILED', message: 'The agent ended without waiting for this.' },
    ]
  }
  const failure = describeFailure(outcome.error, undefined, redact)
  if (cancelled !== undefined && outcome.error === run.abortion?.reason) {
    return [{ type: 'agent_cancelled', agent, data: { reason: cancelled, durationMs } }, failure]
  }
  return [{ type: 'agent_error', agent, data: { error: failure, durationMs } }, failure]
}
