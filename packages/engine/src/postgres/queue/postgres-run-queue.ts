import { currentScope, type Owner } from '@ringfence/context'
import type { EnvelopeOpener, EnvelopeSealer } from '@ringfence/context/envelope'
import * as z from 'zod'
import type { CancelReason } from '../../events/agent-event.ts'
import type { EngineLogger } from '../../logger.ts'
import type { UserExecutionEngine } from '../../runs/execution-engine.ts'
import type { QueuedRun, RunQueue } from '../../runs/run-queue.ts'
import { JoblessRuns } from '../recovery/jobless-runs.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import { assertSupportedRuntime } from '../supported-runtime.ts'
import { cancelRun, type EndedInQueue } from './cancel-run.ts'
import { JobQueue } from './job-queue.ts'
import { OverdueRuns } from './overdue-runs.ts'
import { QueuedRuns } from './queued-runs.ts'
import { RunWorker } from './run-worker.ts'

export interface RunQueueOptions {
  readonly store: PostgresStore
  /** Seals the context of whoever starts a run, for the audience below. */
  readonly sealer: EnvelopeSealer
  /** Opens it where the run is executed. */
  readonly opener: EnvelopeOpener
  /** Who executes runs: one of the sealer's audiences, and the opener's. */
  readonly audience: string
  /** Secret fields of the context that go along, sealed. Default: none. */
  readonly secrets?: readonly string[] | undefined
  /**
   * Milliseconds that a run may wait and execute in all: so long is its context good for, and then it ends with
   * `RUN_DEADLINE`, whichever process executes it. Default 86,400,000: a day.
   */
  readonly lifetimeMs?: number | undefined
  /** Runs of one owner that execute at once, in all processes together. The same in every process. Default 4. */
  readonly ownerConcurrency?: number | undefined
  /** How often a run is begun at most, where whoever executes it is lost. Default 3. */
  readonly attempts?: number | undefined
  /** Seconds without a sign of life after which a worker is taken for lost: 10 or more. Default 10. */
  readonly heartbeatSeconds?: number | undefined
  readonly logger?: EngineLogger | undefined
}

/** The options with their defaults. */
interface ResolvedOptions extends RunQueueOptions {
  readonly secrets: readonly string[]
  readonly lifetimeMs: number
  readonly ownerConcurrency: number
  readonly attempts: number
  readonly heartbeatSeconds: number
}

const checked = z.object({
  audience: z.string().min(1),
  secrets: z.array(z.string()).default([]),
  lifetimeMs: z.int().min(1_000).default(86_400_000),
  ownerConcurrency: z.int().min(1).default(4),
  attempts: z.int().min(1).max(100).default(3),
  heartbeatSeconds: z.int().min(10).max(3_600).default(10),
})

/** Options of a worker. */
export interface WorkOptions {
  /** Runs that this process executes at once. Default 25. */
  readonly concurrency?: number | undefined
}

/**
 * Runs that any of several processes may execute: started in one, executed in another, followed from a third. Each is
 * stored together with its job; a worker that is lost is noticed by its heartbeat, and its runs are begun again
 * elsewhere, while whatever it still writes is refused.
 */
export class PostgresRunQueue implements RunQueue {
  readonly #options: ResolvedOptions
  readonly #jobs: JobQueue
  readonly #queued: QueuedRuns
  readonly #workers = new Set<RunWorker>()
  readonly #overdue: OverdueRuns
  readonly #jobless: JoblessRuns

  /** @internal */
  constructor(options: ResolvedOptions, jobs: JobQueue) {
    this.#options = options
    this.#jobs = jobs
    this.#queued = new QueuedRuns(options.store, jobs)
    this.#overdue = new OverdueRuns(
      options.store,
      ({ owner, ...ended }) => this.#settle(owner, ended),
      options.logger,
    )
    this.#jobless = new JoblessRuns({
      store: options.store,
      jobs,
      onEnded: ({ owner, ...ended }) => this.#settle(owner, ended),
      logger: options.logger,
    })
  }

  async enqueue(run: QueuedRun): Promise<string | undefined> {
    const { store, sealer, audience, secrets, lifetimeMs } = this.#options
    const { owner } = currentScope()
    const { runId } = run
    const use = { runId, attempt: 1 }
    const envelope = await sealer.seal({ audience, use, lifetimeMs, secrets })
    const { tenantId = '', userId } = owner
    const deadline = Date.now() + lifetimeMs
    const job = { tenantId, userId, runId, envelope, deadline }
    const turn = await this.#queued.add(owner, run, job)
    if (turn.joins !== undefined) return turn.joins
    await this.#wakeWorkers()
    for (const replaced of turn.replaces) await this.cancel(replaced, 'replaced')
    store.parts.wakeUps.wake('run', owner, runId)
    return undefined
  }

  async cancel(runId: string, reason: CancelReason): Promise<void> {
    const { owner } = currentScope()
    const ended = await cancelRun(this.#options.store, owner, runId, reason)
    if (ended !== undefined) await this.#settle(owner, ended)
  }

  /** Begins to execute runs of the queue in this process, with an engine that has this queue and its store. */
  work(engine: UserExecutionEngine, { concurrency = 25 }: WorkOptions = {}): RunWorker {
    const { store, opener, heartbeatSeconds, logger } = this.#options
    const worker = new RunWorker({
      engine,
      store,
      jobs: this.#jobs,
      queued: this.#queued,
      opener,
      concurrency: z.int().min(1).parse(concurrency),
      heartbeatSeconds,
      logger,
    })
    this.#workers.add(worker)
    worker.start()
    return worker
  }

  /** Stops the workers of this process, as `stop` of each does. The store is closed by whoever opened it. */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    await Promise.all([this.#overdue.stop(), this.#jobless.stop()])
    await Promise.all([...this.#workers].map((worker) => worker.stop(options)))
    await this.#jobs.close()
  }

  /** Of a run that was ended while it waited: its job goes, and its thread goes on. */
  async #settle(owner: Owner, { jobId, threadId }: EndedInQueue): Promise<void> {
    if (jobId !== undefined) await this.#jobs.delete([jobId])
    if (threadId === undefined) return
    if (await this.#queued.sendNext(owner, threadId)) await this.#wakeWorkers()
  }

  async #wakeWorkers(): Promise<void> {
    const { database, wakeUps } = this.#options.store.parts
    await database.transaction(undefined, (sql) => wakeUps.notify(sql, 'job', undefined, ''))
    wakeUps.wake('job', undefined, '')
  }
}

/**
 * Opens the queue of runs beside a store. Rejects with `UNSUPPORTED_RUNTIME`, and with TypeError for options that make
 * no sense.
 *
 * @example
 * const queue = await openRunQueue({ store, sealer, opener, audience: 'worker' })
 * const engine = createExecutionEngine({ agents, store, queue })
 * const worker = queue.work(engine, { concurrency: 25 })
 */
export async function openRunQueue(options: RunQueueOptions): Promise<PostgresRunQueue> {
  assertSupportedRuntime()
  const result = checked.safeParse(options)
  if (!result.success) {
    const reasons = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new TypeError(`Cannot open the queue: ${reasons.join('; ')}`)
  }
  const { store, logger } = options
  const { ownerConcurrency, attempts, heartbeatSeconds, lifetimeMs } = result.data
  const jobs = await JobQueue.open({
    database: store.parts.database,
    ownerConcurrency,
    attempts,
    heartbeatSeconds,
    activeSeconds: Math.min(86_399, Math.ceil(lifetimeMs / 1_000)),
    logger,
  })
  // The folder is this process's alone: whatever was going on in it, nobody does any more.
  if (store.kind === 'pglite') await jobs.recover()
  return new PostgresRunQueue({ ...options, ...result.data }, jobs)
}
