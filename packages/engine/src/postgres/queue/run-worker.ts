import { randomUUID } from 'node:crypto'
import { ContextError, runOutside, sameOwner, type Owner } from '@ringfence/context'
import type { EnvelopeOpener } from '@ringfence/context/envelope'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { describeFailure, type Failure } from '../../errors/failure.ts'
import type { CancelReason } from '../../events/agent-event.ts'
import type { EngineLogger } from '../../logger.ts'
import type { UserExecutionEngine } from '../../runs/execution-engine.ts'
import type { RunControl } from '../../runs/run-queue.ts'
import { queueTimeout } from '../../scheduling/queue-timeout.ts'
import { isStoreFailure } from '../../store/store-failure.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { logFailure } from '../database/log-failure.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import { asOwner } from '../store/owner-transaction.ts'
import type { PostgresStore } from '../store/postgres-store.ts'
import type { ClaimedJob, JobQueue } from './job-queue.ts'
import { groupOf, ownerOf, runJob, type RunJob } from './job.ts'
import { workerOf } from './process-session.ts'
import type { QueuedRuns } from './queued-runs.ts'
import { StepAside } from './step-aside.ts'
import { endRun, takeRun, type Attempt } from './taken-run.ts'

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

interface Active {
  readonly job: ClaimedJob
  readonly owner: Owner
  readonly runId: string
  attempt: number
  control: RunControl | undefined
  cancelled: CancelReason | undefined
  /** Its run is given back: it goes on elsewhere. */
  left: boolean
}

/** What this process cannot begin, but another one may. */
const elsewhere = new Set([
  'UNKNOWN_AGENT',
  'ENGINE_CLOSED',
  'OWNER_QUEUE_FULL',
  'QUEUE_FULL',
  'TOO_MANY_ORPHANS',
])

/** How often a worker that executes something looks whether it is to end, notified or not. */
const cancelPollMs = 500

const stored = z.string().transform(fromKeyText)
const cancellationRow = z.object({
  tenant: stored,
  user_id: stored,
  run_id: stored,
  attempt: z.int(),
  cancel_reason: z.enum(['caller', 'disconnect', 'shutdown', 'replaced']),
})

/**
 * Executes runs that wait in the queue. It has no user of its own: each run executes in the scope that its sealed
 * context opens, and where that opens none, the run is ended by the system and no agent is asked.
 */
export class RunWorker {
  readonly #options: RunWorkerOptions
  readonly #id: string
  readonly #active = new Map<string, Active>()
  readonly #aside = new StepAside()
  readonly #stops: (() => void)[] = []
  #listening: Promise<unknown> | undefined
  #pumping: Promise<void> | undefined
  #again = false
  #stopping: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(options: RunWorkerOptions) {
    this.#options = options
    this.#id = workerOf(options.store.parts.processId, randomUUID())
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
          void runOutside(() => this.#cancelAsked())
        }),
        every(heartbeatSeconds * 300, () => void this.#touch()),
        every(cancelPollMs, () => void this.#cancelAsked()),
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
    await this.#untilIdle(graceMs)
    await Promise.all([...this.#active.values()].map((active) => this.#leave(active)))
    await this.#untilIdle(graceMs + 10_000)
    for (const stop of this.#stops.splice(0)) stop()
  }

  async #untilIdle(mostMs: number): Promise<void> {
    if (this.#active.size === 0) return
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      timer = setTimeout(resolve, mostMs)
    })
    clearTimeout(timer)
  }

  async #leave(active: Active): Promise<void> {
    const { queued, logger } = this.#options
    active.left = true
    try {
      const back = await queued.putBack(active.owner, active.runId, active.attempt)
      if (back) leave(active)
    } catch (error) {
      logFailure(logger, error, 'a run could not be given back', { runId: active.runId })
      // Its job stays this attempt's, and is delivered again when no heartbeat comes.
      active.left = false
      leave(active)
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
    const active: Active = {
      job,
      owner: parsed.success ? ownerOf(parsed.data) : { userId: '' },
      runId: parsed.success ? parsed.data.runId : '',
      attempt: 0,
      control: undefined,
      cancelled: undefined,
      left: false,
    }
    // The same job can be delivered here again while its earlier delivery is still at work.
    const key = `${job.id} ${job.retryCount}`
    this.#active.set(key, active)
    try {
      if (!parsed.success) throw new Error('Expected a job of the queue to be of a run')
      if (await this.#take(active, parsed.data)) await jobs.complete(job)
      else await jobs.fail(job)
    } catch (error) {
      // The store failed: the job is delivered again when its heartbeat is over.
      logFailure(logger, error, 'a run could not be executed', { runId: active.runId })
    } finally {
      this.#active.delete(key)
      if (this.#active.size === 0) this.#idle?.()
      this.#pump()
    }
  }

  /** True where the job is done with, however the run ended. */
  async #take(active: Active, job: RunJob): Promise<boolean> {
    const { store } = this.#options
    const { attempts } = store.parts
    const run = await takeRun(store, active.owner, job, this.#id, active.job)
    if (run === undefined) return true
    // Not before: what an earlier attempt in this process writes now is refused.
    await attempts.free(run.owner, run.runId)
    active.attempt = run.attempt
    active.cancelled ??= run.cancelled
    const release = attempts.hold(run.owner, run.runId, run.attempt, () => leave(active))
    try {
      const done = await this.#run(active, run, job)
      if (done) await this.#sendNext(run)
      return done
    } finally {
      release()
    }
  }

  async #run(active: Active, run: Attempt, { envelope, deadline }: RunJob): Promise<boolean> {
    const { engine, opener, store, queued, logger } = this.#options
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
      if (EngineError.is(error) && elsewhere.has(error.code)) {
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
      await endRun(this.#options.store, run, ending)
    } catch (error) {
      // Somebody else has ended it, or goes on with it; from a store that failed nobody has heard that.
      if (!EngineError.is(error) || isStoreFailure(error)) throw error
    }
    return true
  }

  async #sendNext({ owner, threadId }: Attempt): Promise<void> {
    const { queued, store } = this.#options
    if (threadId !== undefined) await queued.sendNext(owner, threadId)
    // Its owner has a slot again, and another worker may have room for it.
    const { database, wakeUps } = store.parts
    await database.transaction(undefined, (sql) => wakeUps.notify(sql, 'job', undefined, ''))
  }

  async #touch(): Promise<void> {
    const { jobs, store, logger } = this.#options
    const active = [...this.#active.values()]
    try {
      if (await jobs.touch(active.map(({ job }) => job))) return
      // One that says nothing would not be told otherwise that its run has ended elsewhere.
      for (const each of active) {
        const { attempt } = each
        if (attempt > 0 && (await newestAttempt(store, each)) !== attempt) leave(each)
      }
    } catch (error) {
      logFailure(logger, error, 'a heartbeat was lost')
    }
  }

  async #cancelAsked(): Promise<void> {
    if (this.#active.size === 0) return
    const { store, logger } = this.#options
    try {
      const rows = await store.parts.database.transaction(undefined, (sql) =>
        sql('SELECT * FROM cancellations($1)', [this.#id]),
      )
      for (const row of rows) {
        const cancellation = cancellationRow.parse(row)
        const { run_id, attempt, cancel_reason } = cancellation
        const owner = ownerOfRow(cancellation)
        for (const active of this.#active.values()) {
          if (active.runId !== run_id || active.attempt !== attempt) continue
          if (!sameOwner(active.owner, owner)) continue
          active.cancelled ??= cancel_reason
          active.control?.cancel(cancel_reason)
        }
      }
    } catch (error) {
      logFailure(logger, error, 'cancellations could not be read')
    }
  }

  /** Ends what was delivered as often as may be, and sends what was forgotten in its thread. */
  async #lookAfter(): Promise<void> {
    const { jobs, store, queued, logger } = this.#options
    try {
      for (const job of await jobs.claimLost()) {
        const parsed = runJob.safeParse(job.data)
        const run = parsed.success
          ? await takeRun(store, ownerOf(parsed.data), parsed.data, this.#id, undefined)
          : undefined
        if (run !== undefined) {
          await this.#end(run, { error: crashed })
          await this.#sendNext(run)
        }
        await jobs.completeLost(job)
      }
      await queued.sendForgotten()
    } catch (error) {
      logFailure(logger, error, 'the queue could not be looked after')
    }
  }
}

const crashed: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run was given up: whoever executed it was lost each time it was tried.',
}

const unreadable: Failure = {
  code: 'AGENT_FAILED',
  message: 'The run could not begin: its input cannot be read any more.',
}

async function newestAttempt(
  { parts }: PostgresStore,
  { owner, runId }: Pick<Attempt, 'owner' | 'runId'>,
): Promise<number | undefined> {
  const [row] = await asOwner(parts.database, owner, ({ key, sql }) =>
    sql(
      'SELECT attempt FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND ended_at IS NULL',
      [...key, toKeyText(runId)],
    ),
  )
  return row === undefined ? undefined : z.object({ attempt: z.int() }).parse(row).attempt
}

/** What a user is told of a run that cannot begin. Undefined for what may be otherwise another time. */
function refusalOf(error: unknown): Failure | undefined {
  if (isStoreFailure(error)) return undefined
  if (EngineError.is(error)) return describeFailure(error)
  if (ContextError.is(error) || isEnvelopeError(error)) {
    return {
      code: 'CONTEXT_REFUSED',
      message:
        'The run could not begin: what it was to be executed for has expired or does not fit it.',
    }
  }
  return undefined
}

function leave({ control, runId }: Active): void {
  control?.leave(new EngineError('ATTEMPT_OVER', `The run "${runId}" goes on in another attempt.`))
}

function isEnvelopeError(error: unknown): boolean {
  return error instanceof Error && error.name === 'EnvelopeError'
}

function foreign(runId: string): EngineError {
  return new EngineError(
    'FORBIDDEN',
    `The context that came with the run "${runId}" is not its owner's.`,
  )
}

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  timer.unref()
  return () => clearInterval(timer)
}
