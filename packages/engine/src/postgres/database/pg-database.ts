import type { Client, Pool, PoolClient, QueryConfig } from 'pg'
import { runOutside, type Owner } from '@ringfence/context'
import type { EngineLogger } from '../../logger.ts'
import type { Database, NotificationListener, Row, Sql } from './database.ts'
import { ownerSettings } from './owner-settings.ts'
import { PgListener } from './pg-listener.ts'
import type { QueueConnection } from './queue-connection.ts'
import { roles } from './roles.ts'
import { ServerOutage } from './server-outage.ts'
import { sessionOptions } from './session-options.ts'

export interface PgDatabaseOptions {
  readonly url: string
  /** Connections of the store. */
  readonly connections: number
  /** Milliseconds that a statement may take: a worker must not wait for a server that is not there any more. Default 30,000. */
  readonly statementMs?: number
  readonly logger: EngineLogger | undefined
}

/**
 * A PostgreSQL server, through `pg`. Connects when it is first asked for something. What fails because the server cannot be
 * reached, or is lost in the middle, rejects with `STORE_UNAVAILABLE`, and is told to the log once in an outage. Throws TypeError
 * for an address that is none.
 */
export async function openPgDatabase(options: PgDatabaseOptions): Promise<Database> {
  const { default: pg } = await import('pg')
  const { url, connections, statementMs = 30_000, logger } = options
  assertAddress(() => new pg.Client({ connectionString: url }))
  const outage = new ServerOutage(logger)
  // Pools keep the context of whoever is there when they are made.
  return runOutside(() => {
    const poolOf = (name: string, max: number, role?: string): Pool => {
      const pool = new pg.Pool({
        max,
        application_name: `ringfence ${name}`,
        connectionTimeoutMillis: 10_000,
        ...sessionOptions(url, role),
        query_timeout: statementMs,
      })
      // A connection that breaks while nobody uses it; the pool makes another one.
      pool.on('error', (error) => outage.lost(error))
      return pool
    }
    return new PgDatabase({
      data: poolOf('data', connections),
      queue: poolOf('queue', 4, roles.queue),
      connect: () =>
        new pg.Client({
          connectionString: url,
          application_name: 'ringfence listen',
          keepAlive: true,
        }),
      logger,
      outage,
    })
  })
}

interface PgParts {
  readonly data: Pool
  readonly queue: Pool
  readonly connect: () => Client
  readonly logger: EngineLogger | undefined
  readonly outage: ServerOutage
}

/** What is wrong with it is not said by the driver, and its own error holds the whole of it, with the password. */
function assertAddress(parse: () => unknown): void {
  try {
    parse()
  } catch {
    throw new TypeError(
      'Cannot open the store: expected `url` to be postgres://user:password@host:port/database, and whatever is no letter ' +
        'or digit in user and password to be percent-encoded',
    )
  }
}

/** How often a connection is asked for, with 10 seconds each. */
const mostAttempts = 3

class PgDatabase implements Database {
  readonly kind = 'postgres'
  readonly queue: QueueConnection
  readonly #parts: PgParts
  readonly #listeners = new Set<PgListener>()

  constructor(parts: PgParts) {
    this.#parts = parts
    this.queue = {
      executeSql: async (text, values) => {
        const rows = rowsOf(await parts.outage.ask(() => parts.queue.query(text, values)))
        parts.outage.reached()
        return { rows }
      },
    }
  }

  async transaction<Result>(
    owner: Owner | undefined,
    work: (sql: Sql) => Promise<Result>,
    patient: boolean = false,
  ): Promise<Result> {
    const beginning = `BEGIN; SET LOCAL ROLE ${roles.data}; ${ownerSettings(owner)}`
    const { data, outage } = this.#parts
    return withClient(data, outage, beginning, async (client) => {
      const result = await work(async (text, values) => {
        const query = patient ? patiently(text, values) : { text, values: [...(values ?? [])] }
        return rowsOf(await outage.ask(() => client.query(query)))
      })
      await outage.ask(() => client.query('COMMIT'))
      return result
    })
  }

  async script<Result>(
    work: (run: (text: string) => Promise<readonly Row[]>) => Promise<Result>,
  ): Promise<Result> {
    const { data, outage } = this.#parts
    return withClient(data, outage, undefined, (client) =>
      work(async (text) => rowsOf(await outage.ask(() => client.query(patiently(text))))),
    )
  }

  async listen(
    channel: string,
    listener: NotificationListener,
    onGap: () => void,
    begin?: string,
  ): Promise<() => Promise<void>> {
    const { connect, logger } = this.#parts
    const listening = new PgListener({ connect, channel, begin, listener, onGap, logger })
    await listening.start()
    this.#listeners.add(listening)
    return async () => {
      this.#listeners.delete(listening)
      await listening.stop()
    }
  }

  async queueTransaction<Result>(
    work: (queue: QueueConnection) => Promise<Result>,
  ): Promise<Result> {
    const { queue, outage } = this.#parts
    return withClient(queue, outage, 'BEGIN', async (client) => {
      const result = await work({
        executeSql: async (text, values) => ({
          rows: rowsOf(await outage.ask(() => client.query(text, values))),
        }),
      })
      await outage.ask(() => client.query('COMMIT'))
      return result
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.stop()))
    await Promise.all([this.#parts.data.end(), this.#parts.queue.end()])
  }
}

/**
 * Lends a connection on which something was begun, and takes it back as it was given: what failed in the middle of
 * something is not used again.
 */
async function withClient<Result>(
  pool: Pool,
  outage: ServerOutage,
  beginning: string | undefined,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await begun(pool, outage, beginning)
  let broken = true
  try {
    const result = await work(client)
    broken = false
    return result
  } catch (error) {
    // One that does not answer would not answer that either.
    broken =
      isUnanswered(error) ||
      (await client.query('ROLLBACK').then(
        () => false,
        () => true,
      ))
    throw error
  } finally {
    giveBack(client, broken)
  }
}

/**
 * A connection that breaks between two statements says so as an event, and an event of an error that nobody hears ends the
 * process: the pool listens only while the connection is its own. The next statement is refused in any case.
 */
async function lent(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect()
  client.on('error', ignored)
  return client
}

function giveBack(client: PoolClient, broken: boolean): void {
  client.release(broken)
  // The pool does not listen to one that it closes, and it may say that it broke only now.
  if (!broken) client.off('error', ignored)
}

function ignored(): void {
  // The statement that it fails says it.
}

/**
 * A connection on which something was begun. Where there is none in time, or it turns out to be lost, nothing has
 * happened yet and it is tried again: a process that was stopped for a while finds all its timers run out at once.
 */
async function begun(
  pool: Pool,
  outage: ServerOutage,
  beginning: string | undefined,
): Promise<PoolClient> {
  for (let attempt = 1; ; attempt += 1) {
    let client: PoolClient | undefined
    try {
      client = await lent(pool)
      if (beginning !== undefined) await client.query(beginning)
      outage.reached()
      return client
    } catch (error) {
      if (client !== undefined) giveBack(client, true)
      if (attempt === mostAttempts) throw outage.unreachable(error)
    }
  }
}

/** A statement that takes the time that it takes: the driver knows no timeout that is none. */
function patiently(text: string, values?: readonly unknown[]): QueryConfig {
  const query = { text, query_timeout: 2_147_483_647 }
  return values === undefined ? query : { ...query, values: [...values] }
}

function isUnanswered(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && cause.message === 'Query read timeout'
}

/** A script of several statements answers with one result for each. */
function rowsOf(result: { readonly rows: Row[] } | readonly { readonly rows: Row[] }[]): Row[] {
  return 'rows' in result ? result.rows : result.flatMap(({ rows }) => rows)
}
