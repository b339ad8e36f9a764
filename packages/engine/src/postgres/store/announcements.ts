import { runOutside } from '@ringfence/context'
import type { Database } from '../database/database.ts'

/**
 * Tells other processes what was written, once it is committed, and all that gathered while the last of it was told in one
 * transaction. A notification is no part of the statement that writes: PostgreSQL lets only one transaction that
 * notifies commit at a time, whichever rows it wrote, so that all appends of a server would wait in one line. One that
 * is lost with its process is made good by polling.
 */
export class Announcements {
  readonly #database: Database
  readonly #channel: string
  readonly #waiting = new Set<string>()
  #telling: Promise<void> | undefined

  constructor(database: Database, channel: string) {
    this.#database = database
    this.#channel = channel
  }

  announce(payload: string): void {
    this.#waiting.add(payload)
    this.#telling ??= runOutside(() => this.#tell())
  }

  /** Resolves when nothing is left to tell. */
  async settled(): Promise<void> {
    await this.#telling
  }

  async #tell(): Promise<void> {
    while (this.#waiting.size > 0) {
      const payloads = [...this.#waiting]
      this.#waiting.clear()
      try {
        await this.#database.transaction(undefined, (sql) =>
          sql('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [
            this.#channel,
            payloads,
          ]),
        )
      } catch {
        // They poll.
      }
    }
    this.#telling = undefined
  }
}
