import { canonicalOwner, currentScope } from '@ringfence/context'
import { RunApprovals } from '../approvals/run-approvals.ts'
import { newWorkScope } from '../errors/failure.ts'
import { redactionOf } from '../events/redaction.ts'
import type { RunJournal } from '../events/run-journal.ts'
import { RunProgress } from '../events/run-progress.ts'
import { randomKey, silentSink, type ExecutionContext } from '../instances/execution-context.ts'
import { Pace } from '../internal/pace.ts'
import { RunSlot } from '../scheduling/run-slot.ts'
import { RunThread } from '../threads/run-thread.ts'
import type { EngineParts } from './engine-parts.ts'
import type { IdleDeadline } from './idle-deadline.ts'
import type { LiveRun } from './live-run.ts'

/** What belongs to one run alone. */
type OwnParts = Pick<
  ExecutionContext,
  | 'sink'
  | 'progress'
  | 'orphans'
  | 'account'
  | 'redact'
  | 'runKey'
  | 'slot'
  | 'approvals'
  | 'thread'
>

/** What the executions of one run share: with each other, and with those of all runs. */
export class ExecutionContexts {
  readonly #parts: EngineParts

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  /** That of the run which the current scope is part of; outside of all runs one of its own, which tells nobody. */
  current(agent: string): ExecutionContext {
    const { accounts, admission, orphans, shutdown, ticker, now } = this.#parts
    const run = admission.runs.current()
    if (run?.context !== undefined) return run.context
    shutdown.refuseStarts()
    const { context, owner } = currentScope()
    const account = accounts.open(agent)
    return this.#share({
      sink: silentSink(),
      progress: new RunProgress(ticker, silentSink(), now),
      orphans: orphans.guard({
        owner: canonicalOwner(owner),
        fields: {},
        onOrphan: ({ ended }) => account.orphan(ended),
      }),
      account,
      redact: redactionOf(context),
      runKey: randomKey(),
    })
  }

  /** That of a run. Called in its root scope. */
  ofRun(
    { runId, ticket }: LiveRun,
    idle: IdleDeadline,
    journal: RunJournal,
    own: Pick<OwnParts, 'orphans' | 'account' | 'redact'>,
  ): ExecutionContext {
    const { limits, store, ticker, now } = this.#parts
    const { threadId } = currentScope().context
    const { approvals, threads } = store
    const slot = new RunSlot(ticket)
    const sink = idle.watch(journal)
    return this.#share({
      orphans: own.orphans,
      account: own.account,
      redact: own.redact,
      sink,
      // What the engine says by itself is no sign that the agent lives.
      progress: new RunProgress(ticker, journal, now),
      runKey: () => runId,
      slot,
      approvals: new RunApprovals({
        runId,
        store: approvals,
        sink,
        approvalMs: limits.approvalMs,
        now,
        enter: journal.enter,
        idle: async (wait) => {
          const goOn = idle.hold()
          try {
            return await slot.idle(wait)
          } finally {
            goOn()
          }
        },
      }),
      thread:
        threadId === undefined
          ? undefined
          : new RunThread({ threadId, runId, store: threads, now }),
    })
  }

  /** Named one by one: every run makes one, and what spreads an object copies it field by field. */
  #share(own: OwnParts): ExecutionContext {
    const { agents, limits, logger, metrics, now, circuits, random } = this.#parts
    const { sink, account, progress, redact, runKey, orphans, slot, approvals, thread } = own
    return {
      agents,
      limits,
      sink,
      account,
      circuits,
      progress,
      redact,
      runKey,
      random,
      logger,
      metrics,
      orphans,
      runScope: newWorkScope(),
      pace: new Pace(),
      now,
      slot,
      approvals,
      thread,
    }
  }
}
