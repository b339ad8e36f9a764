import { canonicalOwner, type OrphanListener, type Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { describeFailure } from '../errors/failure.ts'
import type { LiveEvents } from '../events/live-events.ts'
import type { Redact } from '../events/redaction.ts'
import { RunJournal } from '../events/run-journal.ts'
import type { WrittenTimes } from '../internal/written-times.ts'
import type { EngineLogger } from '../logger.ts'
import type { NewRun, RunStore } from '../store/run-store.ts'
import { isStoreFailure, loggedFailure } from '../store/store-failure.ts'
import type { RunHandle } from './run-handle.ts'
import type { LiveRun } from './live-run.ts'

export interface RunOpening {
  /** The scope that starts the run, and whose context the run gets a copy of. */
  readonly caller: Scope
  readonly run: LiveRun
  readonly threadId: string | undefined
  readonly store: RunStore
  readonly live: LiveEvents
  /** Takes the secrets of the run's context out of what it tells. */
  readonly redact: Redact
  readonly logger: EngineLogger | undefined
  readonly now: () => number
  readonly times: WrittenTimes
  readonly onOrphan: OrphanListener
  /** Stores it as queued. Absent where it is stored already. */
  readonly create: ((run: NewRun) => Promise<void> | undefined) | undefined
  /** Takes the run from the queue to its end, in its root scope. */
  readonly supervise: (journal: RunJournal) => Promise<unknown>
}

/**
 * Opens the run's root scope, stores the run as queued, and lets it be supervised there. Resolves when it is
 * stored. Rejects where that fails or the scope cannot be opened; then nothing is supervised.
 */
export function openRun(opening: RunOpening): Promise<RunHandle> {
  const { caller, run, threadId, create, onOrphan, supervise } = opening
  const { agent, runId } = run
  return new Promise<RunHandle>((resolve, reject) => {
    const result = caller.detach(
      `run ${agent}`,
      { deadlineMs: Infinity, context: { runId, threadId }, onOrphan },
      async (root) => {
        const { requestId, threadId: thread } = root.context
        const createdAt = opening.times.of(opening.now())
        const journal = journalOf(opening, root)
        root.onAbort((reason) => run.interrupt(reason))
        const queued = { runId, agent, requestId, createdAt }
        try {
          // Also where it is stored at once: the handle holds the promise that `detach` is about to return.
          await create?.(thread === undefined ? queued : { ...queued, threadId: thread })
        } catch (error) {
          if (isStoreFailure(error)) run.lostEnd = await neverBegun(journal, agent, error)
          throw error
        }
        resolve(Object.freeze({ runId, result, joined: false }))
        return supervise(journal)
      },
    )
    // Without effect once the run is stored.
    result.catch(reject)
  })
}

/** The end of a run that the store may still come to hold: it must not wait there for ever. Undefined where it has it. */
async function neverBegun(
  journal: RunJournal,
  agent: string,
  reason: unknown,
): Promise<LiveRun['lostEnd']> {
  const error = describeFailure(reason)
  const end = { type: 'agent_error', agent, data: { error, durationMs: 0 } } as const
  try {
    await journal.end(end, error)
  } catch {
    // What is missing is said below.
  }
  return journal.unstored
}

function journalOf(
  { run, store, live, redact, logger, now, times }: RunOpening,
  root: Scope,
): RunJournal {
  const { agent, runId } = run
  const { threadId, requestId, userId } = root.context
  const owner = canonicalOwner(root.owner)
  return new RunJournal({
    identity: { runId, requestId, userId, ...(threadId === undefined ? {} : { threadId }) },
    store,
    redact,
    show: (make) => live.publish(owner, runId, make),
    onStored: (first, last) => live.stored(owner, runId, first, last),
    isFollowed: () => live.isWatched(owner, runId),
    onLost: (error) => {
      logger?.error(
        { ...loggedFailure(error), runId, agent },
        'an event of a run could not be stored',
      )
      // Nothing that this attempt does counts any more.
      if (EngineError.is(error) && error.code === 'ATTEMPT_OVER') run.interrupt(error)
    },
    now,
    times,
  })
}
