import { sameOwner } from '@ringfence/context'
import type { EnvelopeOpener } from '@ringfence/context/envelope'
import { EngineError } from '../../errors/engine-error.ts'
import { describeFailure } from '../../errors/failure.ts'
import type { EngineLogger } from '../../logger.ts'
import type { UserExecutionEngine } from '../../runs/execution-engine.ts'
import { queueTimeout } from '../../scheduling/queue-timeout.ts'
import { isStoreFailure } from '../../store/store-failure.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { leaveRun, type ActiveRun } from './active-run.ts'
import type { JobQueue } from './job-queue.ts'
import { groupOf, ownerOf, runJob, type RunJob } from './job.ts'
import { newestAttempt } from './newest-attempt.ts'
import type { QueuedRuns } from './queued-runs.ts'
import { crashed, foreign, isForOthers, refusalOf, unreadable } from './refusal.ts'
import type { StepAside } from './step-aside.ts'
import { endRun, takeRun, type Attempt } from './taken-run.ts'

interface JobExecutionParts {
  readonly engine: UserExecutionEngine
  readonly store: PostgresStore
  readonly jobs: JobQueue
  readonly queued: QueuedRuns
  readonly opener: EnvelopeOpener
  readonly logger: EngineLogger | undefined
}

/** Executes what a job is of, as whom its sealed context says, or ends it where that is not to be. */
export class JobExecution {
  readonly #parts: JobExecutionParts
  readonly #worker: string
  readonly #aside: StepAside

  /** `aside`: told of whoever has to wait for another process. */
  constructor(parts: JobExecutionParts, worker: string, aside: StepAside) {
    this.#parts = parts
    this.#worker = worker
    this.#aside = aside
  }

  /** True where the job is done with, however the run ended. */
  async execute(active: ActiveRun, job: RunJob): Promise<boolean> {
    const { store } = this.#parts
    const { attempts } = store.parts
    const run = await takeRun(store, active.owner, job, this.#worker, active.job)
    if (run === undefined) return true
    // Not before: what an earlier attempt in this process writes now is refused.
    await attempts.free(run.owner, run.runId)
    active.attempt = run.attempt
    active.cancelled ??= run.cancelled
    const release = attempts.hold(run.owner, run.runId, run.attempt, () => leaveRun(active))
    try {
      const done = await this.#run(active, run, job)
      if (done) await this.#sendNext(run)
      return done
    } finally {
      release()
    }
  }

  async #run(active: ActiveRun, run: Attempt, { envelope, deadline }: RunJob): Promise<boolean> {
    const { engine, opener, store, queued, logger } = this.#parts
    const { owner, runId, agent } = run
    if (active.cancelled !== undefined) return this.#end(run, { reason: active.cancelled })
    if (run.waitedMs !== undefined) {
      return this.#end(run, { error: describeFailure(queueTimeout(run.waitedMs)) })
    }
    if (run.unreadable) return this.#end(run, { error: unreadable })
    try {
      await opener.open(envelope, { runId, attempt: 1 }, {}, async (scope) => {
        if (!sameOwner(scope.owner, owner) || scope.context.runId !== runId) throw foreign(runId)
        await engine.execute({
          runId,
          agent,
          input: run.input,
          depth: run.depth,
          createdAt: run.createdAt,
          attempt: run.attempt,
          restarted: run.restarted,
          deadline,
          onControl: (control) => {
            active.control = control
            if (active.cancelled !== undefined) control.cancel(active.cancelled)
          },
        })
      })
      return true
    } catch (error) {
      if (active.left) return true
      if (EngineError.is(error) && error.code === 'ATTEMPT_OVER') {
        // Either another attempt has taken its place, or its end could not be stored and it has to be tried again.
        const record = await newestAttempt(store, run)
        return record !== run.attempt
      }
      if (active.control !== undefined) throw error
      if (isForOthers(error)) {
        if (!EngineError.is(error)) {
          logger?.warn({ err: error, runId }, 'this clock is slow: a run is left to others')
        }
        // To others first; this one comes back to it where nobody else does.
        this.#aside.leave(groupOf(owner))
        await queued.putBack(owner, runId, run.attempt)
        return true
      }
      const refusal = refusalOf(error)
      // The store, most likely: the job is delivered again.
      if (refusal === undefined) throw error
      logger?.warn({ err: error, runId, agent }, 'a run could not begin')
      return this.#end(run, { error: refusal })
    }
  }

  async #end(run: Attempt, ending: Parameters<typeof endRun>[2]): Promise<boolean> {
    try {
      await endRun(this.#parts.store, run, ending)
    } catch (error) {
      // Somebody else has ended it, or goes on with it; from a store that failed nobody has heard that.
      if (!EngineError.is(error) || isStoreFailure(error)) throw error
    }
    return true
  }

  async #sendNext({ owner, threadId }: Attempt): Promise<void> {
    const { queued, store } = this.#parts
    if (threadId !== undefined) await queued.sendNext(owner, threadId)
    // Its owner has a slot again, and another worker may have room for it.
    const { database, wakeUps } = store.parts
    await database.transaction(undefined, (sql) => wakeUps.notify(sql, 'job', undefined, ''))
  }

  /** Ends the runs whose jobs were delivered as often as may be: whoever executed them was lost each time. */
  async endLost(): Promise<void> {
    const { jobs, store } = this.#parts
    for (const job of await jobs.claimLost()) {
      const parsed = runJob.safeParse(job.data)
      const run = parsed.success
        ? await takeRun(store, ownerOf(parsed.data), parsed.data, this.#worker, undefined)
        : undefined
      if (run !== undefined) {
        await this.#end(run, { error: crashed })
        await this.#sendNext(run)
      }
      await jobs.completeLost(job)
    }
  }
}
