import type { Owner } from '@ringfence/context'
import type { QueueConnection } from './queue-connection.ts'

/** One row, as the driver parsed it: to be checked by a schema before it is used. */
export type Row = Readonly<Record<string, unknown>>

/** Runs one statement. */
export type Sql = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** Told of a notification. Called in no scope. */
export type NotificationListener = (payload: string) => void

/**
 * A PostgreSQL that the store talks to: a server through `pg`, or PGlite in this process. The store's code is the
 * same on both.
 */
export interface Database {
  readonly kind: 'postgres' | 'pglite'

  /**
   * Runs statements in one transaction, as the role that sees only what belongs to the owner: row-level security
   * hides the rest from whatever forgets to filter. Without an owner it sees nobody's rows. A statement that a server
   * does not answer in time rejects, and its connection is given up; one that is `patient` takes the time that it takes.
   */
  transaction<Result>(
    owner: Owner | undefined,
    work: (sql: Sql) => Promise<Result>,
    patient?: boolean,
  ): Promise<Result>

  /** Runs a script of statements without values, on one connection, as whoever connects: for migrations only. */
  script<Result>(
    work: (run: (text: string) => Promise<readonly Row[]>) => Promise<Result>,
  ): Promise<Result>

  /**
   * Listens to a channel until it is told to stop. `onGap` is called when something may have been missed: the
   * connection was lost, and is there again. On a server `begin` is a statement that each session begins with.
   */
  listen(
    channel: string,
    listener: NotificationListener,
    onGap: () => void,
    begin?: string,
  ): Promise<() => Promise<void>>

  /** What the job queue runs its own statements on: a role that reaches the queue's schema and nothing else. */
  readonly queue: QueueConnection

  /** Runs the queue's statements in one transaction. */
  queueTransaction<Result>(work: (queue: QueueConnection) => Promise<Result>): Promise<Result>

  /** Releases the connections. */
  close(): Promise<void>
}
