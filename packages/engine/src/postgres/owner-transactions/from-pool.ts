import { notCommitted, transactionOver, type OwnerSource } from './with-owner.ts'

/** What is needed of a connection of `pg`. */
export interface PoolConnection {
  query(text: string, values?: unknown[]): Promise<unknown>
  release(destroy?: boolean | Error): void
  on(event: 'error', listener: () => void): unknown
  off(event: 'error', listener: () => void): unknown
}

/** What is needed of a pool of `pg`. */
export interface ConnectionPool<Connection extends PoolConnection> {
  connect(): Promise<Connection>
  /** The form with a callback, which is not used here. */
  connect(callback: (error: Error | undefined, connection: never, done: never) => void): void
}

/**
 * A pool of `pg`. What the work gets is the connection's `query`, until the transaction is over. A connection goes
 * back to the pool after `DISCARD ALL`: no setting, temporary table, listener or lock of one user is there for the
 * next. One that cannot be cleaned is closed.
 */
export function fromPool<Connection extends PoolConnection>(
  pool: ConnectionPool<Connection>,
): OwnerSource<Pick<Connection, 'query'>> {
  return {
    transaction: async (begin, work) => {
      const connection = await pool.connect()
      // One that breaks between two statements says so as an event, which ends the process where nobody listens. Work that
      // waits for something else would hold it for ever.
      const { broken, onError } = breaking()
      connection.on('error', onError)
      let over = false
      let clean = false
      try {
        await connection.query('BEGIN')
        await begin((text, values) => connection.query(text, [...values]))
        const lent = lend(connection, () => over)
        const result = await Promise.race([work(lent), broken])
        over = true
        await commit(connection)
        clean = true
        return result
      } catch (error) {
        over = true
        clean = await succeeds(connection.query('ROLLBACK'))
        throw error
      } finally {
        over = true
        const discarded = clean && (await succeeds(connection.query('DISCARD ALL')))
        forgetStatements(connection)
        connection.release(!discarded)
        // The pool does not listen to one that it closes.
        if (discarded) connection.off('error', onError)
      }
    },
  }
}

/** PostgreSQL answers a COMMIT after a failed statement with a rollback, and says so only by the name of what it did. */
async function commit(connection: PoolConnection): Promise<void> {
  const done = await connection.query('COMMIT')
  const command: unknown = typeof done === 'object' && done !== null && Reflect.get(done, 'command')
  if (command === 'ROLLBACK') throw notCommitted()
}

/** Rejects with what a connection says when it breaks. Nobody has to wait for it. */
function breaking(): {
  readonly broken: Promise<never>
  readonly onError: (error?: unknown) => void
} {
  let onError: (error?: unknown) => void = () => undefined
  const broken = new Promise<never>((_, reject) => {
    onError = (error) =>
      reject(error instanceof Error ? error : new Error('The connection was lost'))
  })
  broken.catch(() => undefined)
  return { broken, onError }
}

function lend<Connection extends PoolConnection>(
  connection: Connection,
  isOver: () => boolean,
): Pick<Connection, 'query'> {
  const query = (...statement: Parameters<PoolConnection['query']>): unknown => {
    if (isOver()) {
      const callback: unknown = statement.at(-1)
      if (typeof callback !== 'function') return Promise.reject(transactionOver())
      // Whoever asks in that style waits for nothing else.
      queueMicrotask(() => void callback(transactionOver()))
      return undefined
    }
    return connection.query(...statement)
  }
  // Every overload of the connection's own `query` is passed on as it came.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { query } as unknown as Pick<Connection, 'query'>
}

/** What the driver believes to be prepared is discarded, too: it would ask for it by its name. */
function forgetStatements(connection: object): void {
  const protocol: unknown = Reflect.get(connection, 'connection')
  if (typeof protocol !== 'object' || protocol === null) return
  const statements: unknown = Reflect.get(protocol, 'parsedStatements')
  if (typeof statements !== 'object' || statements === null) return
  for (const name of Object.keys(statements)) Reflect.deleteProperty(statements, name)
}

function succeeds(statement: Promise<unknown>): Promise<boolean> {
  return statement.then(
    () => true,
    () => false,
  )
}
