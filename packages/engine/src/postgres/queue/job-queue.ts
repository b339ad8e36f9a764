import type { PgBoss } from 'pg-boss'
import { runOutside, type Owner } from '@ringfence/context'
import * as z from 'zod'
import type { EngineLogger } from '../../logger.ts'
import type { Database } from '../database/database.ts'
import { logFailure } from '../database/log-failure.ts'
import { roles } from '../database/roles.ts'
import type { OwnerSql } from '../store/owner-transaction.ts'
import { groupOf, type RunJob } from './job.ts'
import { queueNames } from './queue-names.ts'

export interface JobQueueOptions {
  readonly database: Database
  /** Jobs of one owner that are active at once, in all processes together. */
  readonly ownerConcurrency: number
  /** How often a job is delivered at most. */
  readonly attempts: number
  /** Seconds without a sign of life after which a job is delivered again. */
  readonly heartbeatSeconds: number
  /** Seconds that a job may be active. */
  readonly activeSeconds: number
  readonly logger: EngineLogger | undefined
}

/** A job that this process has, until it settles it or shows no life. */
export interface ClaimedJob {
  readonly id: string
  readonly retryCount: number
  readonly data: unknown
}

/** A job that is about to be sent. */
export interface NewJob {
  readonly jobId: string
  readonly owner: Owner
  readonly job: RunJob
  /** The round in which its turn comes. */
  readonly tag: number
}

const { runs: name, lost } = queueNames
const yearSeconds = 31_536_000

const touched = z.object({ affected: z.int() })
const jobRow = z.object({ id: z.string().nullable(), run: z.string().nullable() })
const claimed = z.object({ id: z.string(), retryCount: z.int(), data: z.unknown() })

/** The jobs of runs, in pg-boss. It decides nothing of a run: what counts is the run's attempt. */
export class JobQueue {
  readonly #boss: PgBoss
  readonly #options: JobQueueOptions

  private constructor(boss: PgBoss, options: JobQueueOptions) {
    this.#boss = boss
    this.#options = options
  }

  static async open(options: JobQueueOptions): Promise<JobQueue> {
    const { PgBoss: Boss } = await import('pg-boss')
    const { database, heartbeatSeconds, activeSeconds, attempts, logger } = options
    // Its timers keep the context of whoever is there when they are made.
    return runOutside(async () => {
      const boss = new Boss({
        db: database.queue,
        schema: 'ringfence_queue',
        backend: database.kind,
        createSchema: false,
        schedule: false,
        supervise: true,
        superviseIntervalSeconds: 1,
        monitorIntervalSeconds: 1,
        registerInstance: false,
        reindex: false,
        monitorVacuum: false,
        openTelemetry: { enabled: false },
      })
      boss.on('error', (error) => logFailure(logger, error, 'the job queue failed'))
      await boss.start()
      await boss.createQueue(lost, { retryLimit: 0, retentionSeconds: yearSeconds })
      await boss.createQueue(name, {
        heartbeatSeconds,
        expireInSeconds: activeSeconds,
        retryLimit: attempts - 1,
        retentionSeconds: yearSeconds,
        deleteAfterSeconds: 60,
        deadLetter: lost,
      })
      const queue = new JobQueue(boss, options)
      // Makes it know the queues: inside a transaction of the only connection it could not ask.
      await boss.touch(name, '00000000-0000-7000-8000-000000000000')
      await boss.touch(lost, '00000000-0000-7000-8000-000000000000')
      return queue
    })
  }

  /** Sends a job as part of the owner's transaction: the run and its job are there, or neither is. */
  async send({ sql }: OwnerSql, { jobId, owner, job, tag }: NewJob): Promise<void> {
    const { attempts, heartbeatSeconds, activeSeconds } = this.#options
    await sql(`SET LOCAL ROLE ${roles.queue}`)
    await this.#boss.send(name, job, {
      id: jobId,
      group: { id: groupOf(owner) },
      priority: -tag,
      retryLimit: attempts - 1,
      heartbeatSeconds,
      expireInSeconds: activeSeconds,
      db: { executeSql: async (text, values) => ({ rows: [...(await sql(text, values))] }) },
    })
    await sql(`SET LOCAL ROLE ${roles.data}`)
  }

  /**
   * Takes jobs, each owner's oldest first and owners in turn. One process at a time: counting what is active and
   * taking more is otherwise no one step, and an owner would get more than is allowed. What belongs to the groups of
   * `except` is left to others.
   */
  async claim(most: number, except: readonly string[] = []): Promise<readonly ClaimedJob[]> {
    const { database, ownerConcurrency } = this.#options
    const jobs = await database.queueTransaction(async (connection) => {
      await connection.executeSql(
        `SELECT pg_advisory_xact_lock(hashtextextended('ringfence.claim', 0))`,
      )
      return this.#boss.fetch(name, {
        batchSize: most,
        groupConcurrency: ownerConcurrency,
        ignoreGroups: [...except],
        db: connection,
      })
    })
    return jobs.map((job) => claimed.parse(job))
  }

  /** Jobs that were delivered as often as may be, and whose workers all showed no life. */
  async claimLost(): Promise<readonly ClaimedJob[]> {
    const jobs = await this.#boss.fetch(lost, { batchSize: 20 })
    return jobs.map((job) => claimed.parse(job))
  }

  async completeLost(job: ClaimedJob): Promise<void> {
    await this.#boss.complete(lost, attemptOf(job))
  }

  async complete(job: ClaimedJob): Promise<void> {
    await this.#boss.complete(name, attemptOf(job))
  }

  /** Gives a job back to be delivered again, now. */
  async fail(job: ClaimedJob): Promise<void> {
    await this.#boss.fail(name, attemptOf(job))
  }

  /** Shows that these jobs are worked on. False where one of them is somebody else's by now, or nobody's. */
  async touch(jobs: readonly ClaimedJob[]): Promise<boolean> {
    if (jobs.length === 0) return true
    const answer = await this.#boss.touch(name, jobs.map(attemptOf))
    return touched.parse(answer).affected === jobs.length
  }

  /** Of these runs, those that have no job that is to be done or being done, neither their own nor one that says they were lost. */
  async withoutJob<Run extends { readonly jobId: string; readonly runId: string }>(
    runs: readonly Run[],
  ): Promise<readonly Run[]> {
    if (runs.length === 0) return []
    const { database } = this.#options
    const { rows } = await database.queueTransaction((queue) =>
      queue.executeSql(
        `SELECT CASE WHEN name = $1 THEN id::text END AS id, CASE WHEN name = $2 THEN data->>'runId' END AS run
        FROM ringfence_queue.job
        WHERE state NOT IN ('completed', 'cancelled', 'failed')
          AND ((name = $1 AND id = ANY($3::uuid[])) OR (name = $2 AND data->>'runId' = ANY($4::text[])))`,
        [
          name,
          lost,
          runs.map(({ jobId }) => jobId).filter((id) => z.guid().safeParse(id).success),
          runs.map(({ runId }) => runId).filter((id) => !/[\0\p{Surrogate}]/u.test(id)),
        ],
      ),
    )
    const found = rows.map((row) => jobRow.parse(row))
    const jobs = new Set(found.map(({ id }) => id))
    const lostRuns = new Set(found.map(({ run }) => run))
    return runs.filter(({ jobId, runId }) => !jobs.has(jobId) && !lostRuns.has(runId))
  }

  async delete(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length > 0) await this.#boss.deleteJob(name, [...jobIds])
  }

  /** Delivers what is active again, at once. Only for whoever knows that nobody works on it. */
  async recover(): Promise<void> {
    let after: string | undefined
    while (true) {
      const jobs = await this.#boss.findJobs(name, {
        limit: 500,
        ...(after === undefined ? {} : { after }),
      })
      const active = jobs.filter(({ state }) => state === 'active').map(({ id }) => id)
      if (active.length > 0) await this.#boss.fail(name, active)
      after = jobs.at(-1)?.id
      if (jobs.length < 500) return
    }
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false })
  }
}

function attemptOf({ id, retryCount }: ClaimedJob): {
  readonly id: string
  readonly retryCount: number
} {
  return { id, retryCount }
}
