import type { Client } from 'pg'
import type { EngineLogger } from '../../logger.ts'
import type { NotificationListener } from './database.ts'

export interface PgListenerOptions {
  /** Makes a connection of its own: LISTEN belongs to a session, not to a pool. */
  readonly connect: () => Client
  readonly channel: string
  /** A statement that each connection begins with. */
  readonly begin: string | undefined
  readonly listener: NotificationListener
  readonly onGap: () => void
  readonly logger: EngineLogger | undefined
}

const mostDelayMs = 10_000

/** Listens on a connection of its own, and on a new one where that is lost. */
export class PgListener {
  readonly #options: PgListenerOptions
  #client: Client | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #delayMs = 100
  #stopped = false

  constructor(options: PgListenerOptions) {
    this.#options = options
  }

  /** Rejects where the first connection cannot be made; then it does not listen, now or later. */
  async start(): Promise<void> {
    try {
      await this.#begin()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #begin(): Promise<void> {
    const { connect, channel, begin, listener } = this.#options
    const client = connect()
    client.on('notification', ({ payload }) => listener(payload ?? ''))
    client.on('error', (error) => this.#lost(client, error))
    client.on('end', () => this.#lost(client, undefined))
    this.#client = client
    await client.connect()
    if (begin !== undefined) await client.query(begin)
    await client.query(`LISTEN ${channel}`)
    this.#delayMs = 100
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  #lost(client: Client, error: Error | undefined): void {
    if (this.#stopped || this.#client !== client) return
    this.#client = undefined
    this.#options.logger?.warn(
      { err: error },
      'notifications are interrupted; runs are polled meanwhile',
    )
    client.end().catch(() => undefined)
    this.#again()
  }

  #again(): void {
    // A connection that is lost while it is made says so twice.
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#reconnect(), this.#delayMs)
    this.#timer.unref()
    this.#delayMs = Math.min(mostDelayMs, this.#delayMs * 2)
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#begin()
      this.#options.onGap()
    } catch {
      const client = this.#client
      this.#client = undefined
      client?.end().catch(() => undefined)
      if (!this.#stopped) this.#again()
    }
  }
}
