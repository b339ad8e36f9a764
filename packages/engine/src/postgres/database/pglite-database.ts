import type { PGlite } from '@electric-sql/pglite'
import { runOutside, type Owner } from '@ringfence/context'
import type { Database, NotificationListener, Row, Sql } from './database.ts'
import { ownerSettings } from './owner-settings.ts'
import type { QueueConnection } from './queue-connection.ts'
import { roles } from './roles.ts'

/** PostgreSQL in this process: one connection, one statement at a time. `undefined` keeps it in memory. */
export async function openPgliteDatabase(directory: string | undefined): Promise<Database> {
  const { PGlite } = await import('@electric-sql/pglite')
  return runOutside(async () => {
    const pglite = directory === undefined ? new PGlite() : new PGlite(directory)
    await pglite.waitReady
    return new PgliteDatabase(pglite)
  })
}

class PgliteDatabase implements Database {
  readonly kind = 'pglite'
  readonly queue: QueueConnection
  readonly #pglite: PGlite

  constructor(pglite: PGlite) {
    this.#pglite = pglite
    this.queue = {
      executeSql: (text, values) =>
        this.queueTransaction((connection) => connection.executeSql(text, values)),
    }
  }

  async transaction<Result>(
    owner: Owner | undefined,
    work: (sql: Sql) => Promise<Result>,
  ): Promise<Result> {
    return this.#pglite.transaction(async (transaction) => {
      await transaction.exec(`SET LOCAL ROLE ${roles.data}; ${ownerSettings(owner)}`)
      return work(
        async (text, values) => (await transaction.query<Row>(text, [...(values ?? [])])).rows,
      )
    })
  }

  async script<Result>(
    work: (run: (text: string) => Promise<readonly Row[]>) => Promise<Result>,
  ): Promise<Result> {
    return work((text) => this.#script(text))
  }

  async listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>> {
    const stop = await this.#pglite.listen(channel, listener)
    return () => stop()
  }

  async queueTransaction<Result>(
    work: (queue: QueueConnection) => Promise<Result>,
  ): Promise<Result> {
    return this.#pglite.transaction(async (transaction) => {
      // As on a server: what the queue makes is the queue's, and it reaches nothing else.
      await transaction.exec(`SET LOCAL ROLE ${roles.queue}`)
      return work({
        executeSql: async (text, values) => ({
          rows:
            values === undefined || values.length === 0
              ? (await transaction.exec(text)).flatMap(({ rows }) => rows)
              : (await transaction.query<Row>(text, values)).rows,
        }),
      })
    })
  }

  async close(): Promise<void> {
    if (!this.#pglite.closed) await this.#pglite.close()
  }

  /** The only connection must not stay in a transaction that failed. */
  async #script(text: string): Promise<Row[]> {
    try {
      const results = await this.#pglite.exec(text)
      return results.flatMap(({ rows }) => rows)
    } catch (error) {
      await this.#pglite.exec('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}
