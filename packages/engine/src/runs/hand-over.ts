import type { Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { runOutcome, type WaitingOver } from '../idempotency/run-outcome.ts'
import { toJson } from '../internal/to-json.ts'
import type { RunStore } from '../store/run-store.ts'
import type { RunHandle, StartOptions } from './run-handle.ts'
import type { QueuedRun, RunQueue } from './run-queue.ts'

export interface HandOver extends Pick<
  QueuedRun,
  'runId' | 'agent' | 'input' | 'depth' | 'weight' | 'threadPolicy' | 'ownerQueue'
> {
  /** The scope that starts the run. */
  readonly caller: Scope
  readonly queue: RunQueue
  /** Runs of all owners that may wait. */
  readonly mostWaiting: number
  /** Milliseconds that it may wait. */
  readonly queueMs: number
  readonly runs: RunStore
  readonly options: StartOptions
  readonly now: () => number
  /** When nobody is waited for any more. */
  readonly waiting: WaitingOver
}

/**
 * Queues a run for whoever executes it, and follows it to its outcome in a root scope: the request that started it may
 * be over by then. Resolves when it is stored.
 */
export function handOver(given: HandOver): Promise<RunHandle> {
  const { caller, queue, runs, runId, agent, options, now, waiting } = given
  const input = plain(given.input, agent)
  return new Promise<RunHandle>((resolve, reject) => {
    const result = caller.detach(
      `wait for run ${agent}`,
      { deadlineMs: Infinity, context: { runId, threadId: options.threadId } },
      async ({ context }) => {
        const { requestId, threadId } = context
        const joins = await queue.enqueue({
          runId,
          agent,
          input,
          depth: given.depth,
          weight: given.weight,
          threadPolicy: given.threadPolicy,
          ownerQueue: given.ownerQueue,
          queue: given.mostWaiting,
          queueMs: given.queueMs,
          requestId,
          createdAt: new Date(now()).toISOString(),
          startedBy: caller.context.runId,
          ...(threadId === undefined ? {} : { threadId }),
        })
        const followed = joins ?? runId
        resolve(Object.freeze({ runId: followed, result, joined: joins !== undefined }))
        const { signal: client } = options
        const leave = (): void => void queue.cancel(followed, 'disconnect').catch(() => undefined)
        if (joins === undefined && client?.aborted === true) leave()
        if (joins === undefined) client?.addEventListener('abort', leave, { once: true })
        try {
          return await runOutcome(runs, followed, waiting)
        } finally {
          client?.removeEventListener('abort', leave)
        }
      },
    )
    // Without effect once the run is stored.
    result.catch(reject)
  })
}

/** What travels is what JSON can carry. Throws `INVALID_INPUT`. */
function plain(input: unknown, agent: string): unknown {
  if (input === undefined) return undefined
  try {
    return toJson(input, Infinity, `The input of agent "${agent}"`)
  } catch (cause) {
    throw new EngineError(
      'INVALID_INPUT',
      `The input of agent "${agent}" has to be plain data: another process may execute the run.`,
      { cause },
    )
  }
}
