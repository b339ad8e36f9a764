import { randomUUID } from 'node:crypto'
import { runOutside } from '@ringfence/context'
import type { EnvelopeOpener } from '@ringfence/context/envelope'
import type { EngineLogger } from '../../logger.ts'
import type { UserExecutionEngine } from '../../runs/execution-engine.ts'
import { logFailure } from '../database/log-failure.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { leaveRun, type ActiveRun } from './active-run.ts'
import { ActiveRuns } from './active-runs.ts'
import { JobExecution } from './job-execution.ts'
import type { ClaimedJob, JobQueue } from './job-queue.ts'
import { ownerOf, runJob } from './job.ts'
import { workerOf } from './process-session.ts'
import type { QueuedRuns } from './queued-runs.ts'
import { StepAside } from './step-aside.ts'

export interface RunWorkerOptions {
  readonly engine: UserExecutionEngine
  readonly store: PostgresStore
  readonly jobs: JobQueue
  readonly queued: QueuedRuns
  readonly opener: EnvelopeOpener
  /** Runs that this process executes at once. */
  readonly concurrency: number
  readonly heartbeatSeconds: number
  readonly logger: EngineLogger | undefined
}

/** How often a worker that executes something looks whether it is to end, notified or not. */
const cancelPollMs = 500

/**
 * Executes runs that wait in the queue. It has no user of its own: each run executes in the scope that its sealed
 * context opens, and where that opens none, the run is ended by the system and no agent is asked.
 */
export class RunWorker {
  readonly #options: RunWorkerOptions
  readonly #id: string
  readonly #active: ActiveRuns
  readonly #aside = new StepAside()
  readonly #execution: JobExecution
  readonly #stops: (() => void)[] = []
  #listening: Promise<unknown> | undefined
  #pumping: Promise<void> | undefined
  #again = false
  #stopping: Promise<void> | undefined

  constructor(options: RunWorkerOptions) {
    const { store, jobs, logger } = options
    this.#options = options
    this.#id = workerOf(store.parts.processId, randomUUID())
    this.#active = new ActiveRuns({ worker: this.#id, store, jobs, logger })
    this.#execution = new JobExecution(options, this.#id, this.#aside)
  }

  /** Runs that are being executed here now. */
  get running(): number {
    return this.#active.size
  }

  /** @internal Begins to take runs. */
  start(): void {
    const { store, heartbeatSeconds } = this.#options
    const { wakeUps } = store.parts
    runOutside(() => {
      this.#stops.push(
        wakeUps.watch('job', undefined, '', () => this.#pump()),
        wakeUps.watch('cancel', undefined, this.#id, () => {
          void runOutside(() => this.#active.cancelAsked())
        }),
        every(heartbeatSeconds * 300, () => void this.#active.touch()),
        every(cancelPollMs, () => void this.#active.cancelAsked()),
        every(5_000, () => void this.#lookAfter()),
      )
      this.#listening = wakeUps.listening()
      this.#pump()
    })
  }

  /**
   * Takes no more runs, lets those that execute finish for `graceMs` milliseconds (default 10,000), and gives the rest
   * back: another worker begins them again. Resolves when nothing executes here any more. For a rolling deployment.
   */
  stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    return (this.#stopping ??= runOutside(() => this.#stop(graceMs)))
  }

  async #stop(graceMs: number): Promise<void> {
    for (const stop of this.#stops.splice(0, 2)) stop()
    await this.#pumping
    await this.#active.untilNone(graceMs)
    await Promise.all(this.#active.all().map((active) => this.#giveBack(active)))
    await this.#active.untilNone(graceMs + 10_000)
    for (const stop of this.#stops.splice(0)) stop()
  }

  async #giveBack(active: ActiveRun): Promise<void> {
    const { queued, logger } = this.#options
    active.left = true
    try {
      const back = await queued.putBack(active.owner, active.runId, active.attempt)
      if (back) leaveRun(active)
    } catch (error) {
      logFailure(logger, error, 'a run could not be given back', { runId: active.runId })
      // Its job stays this attempt's, and is delivered again when no heartbeat comes.
      active.left = false
      leaveRun(active)
    }
  }

  #pump(): void {
    if (this.#stopping !== undefined) return
    this.#again = true
    // Whoever wakes it may be in somebody's scope: it has none.
    this.#pumping ??= runOutside(() => this.#pumpAll()).finally(() => {
      this.#pumping = undefined
    })
  }

  async #pumpAll(): Promise<void> {
    const { jobs, concurrency, logger } = this.#options
    // What is taken before the session says that this process lives could pass for a dead one's.
    await this.#listening
    while (this.#again && this.#stopping === undefined) {
      this.#again = false
      const free = concurrency - this.#active.size
      if (free <= 0) return
      try {
        const claimed = await jobs.claim(free, this.#aside.groups())
        for (const job of claimed) void this.#execute(job)
        if (claimed.length > 0 && claimed.length < free) this.#again = true
      } catch (error) {
        logFailure(logger, error, 'runs could not be taken from the queue')
        return
      }
    }
  }

  async #execute(job: ClaimedJob): Promise<void> {
    const { jobs, logger } = this.#options
    const parsed = runJob.safeParse(job.data)
    const active = this.#active.add(
      job,
      parsed.success ? ownerOf(parsed.data) : { userId: '' },
      parsed.success ? parsed.data.runId : '',
    )
    try {
      if (!parsed.success) throw new Error('Expected a job of the queue to be of a run')
      if (await this.#execution.execute(active, parsed.data)) await jobs.complete(job)
      else await jobs.fail(job)
    } catch (error) {
      // The store failed: the job is delivered again when its heartbeat is over.
      logFailure(logger, error, 'a run could not be executed', { runId: active.runId })
    } finally {
      this.#active.remove(active)
      this.#pump()
    }
  }

  /** Ends what was delivered as often as may be, and sends what was forgotten in its thread. */
  async #lookAfter(): Promise<void> {
    const { queued, logger } = this.#options
    try {
      await this.#execution.endLost()
      await queued.sendForgotten()
    } catch (error) {
      logFailure(logger, error, 'the queue could not be looked after')
    }
  }
}

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  timer.unref()
  return () => clearInterval(timer)
}
