import { createHash, randomUUID } from 'node:crypto'
import { canonicalOwner, runOutside, type Owner } from '@ringfence/context'
import type { EngineLogger } from '../../logger.ts'
import type { Database, Sql } from '../database/database.ts'
import { literal } from '../database/literal.ts'
import { Announcements } from './announcements.ts'

/** What somebody may wait for. */
export type WakeUpKind = 'run' | 'approval' | 'cancel' | 'job'

interface Watcher {
  readonly wake: () => void
  wokenAt: number
}

const channel = 'ringfence'

/**
 * Wakes whoever waits for something to be read: at once where it was written in this process, through NOTIFY where it
 * was another one, and every so often in any case, because a notification can be lost. What goes over the channel is
 * a hash: it tells nobody whose it is.
 */
export class WakeUps {
  readonly #database: Database
  readonly #session: string
  readonly #pollMs: number
  readonly #logger: EngineLogger | undefined
  /** By the hash of kind, owner and id. */
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #origin = randomUUID().slice(0, 8)
  readonly #announcements: Announcements
  #timer: ReturnType<typeof setInterval> | undefined
  #listening: Promise<(() => Promise<void>) | undefined> | undefined
  #closed = false

  /** `session` is a statement that the session that listens begins with. */
  constructor(
    database: Database,
    session: string,
    pollMs: number,
    logger: EngineLogger | undefined,
  ) {
    this.#database = database
    this.#announcements = new Announcements(database, channel)
    this.#session = session
    this.#pollMs = pollMs
    this.#logger = logger
  }

  watch(kind: WakeUpKind, owner: Owner | undefined, id: string, wake: () => void): () => void {
    const key = keyOf(kind, owner, id)
    const watchers = this.#watchers.get(key) ?? new Set<Watcher>()
    this.#watchers.set(key, watchers)
    const watcher = { wake, wokenAt: performance.now() }
    watchers.add(watcher)
    if (!this.#closed) this.#start()
    return () => {
      watchers.delete(watcher)
      if (watchers.size > 0) return
      if (this.#watchers.get(key) === watchers) this.#watchers.delete(key)
      if (this.#watchers.size === 0) this.#pause()
    }
  }

  /** Resolves when this process listens, or it has turned out that it cannot: true where it does. */
  async listening(): Promise<boolean> {
    return (await this.#listening) !== undefined
  }

  /** Part of the statement that writes: whoever waits elsewhere is told when it is committed. */
  notification(kind: WakeUpKind, owner: Owner | undefined, id: string): string {
    return `pg_notify('${channel}', ${literal(`${this.#origin} ${keyOf(kind, owner, id)}`)})`
  }

  /** Tells whoever waits elsewhere, in a statement of its own. */
  async notify(sql: Sql, kind: WakeUpKind, owner: Owner | undefined, id: string): Promise<void> {
    await sql(`SELECT ${this.notification(kind, owner, id)}`)
  }

  /** Wakes whoever waits in this process. To be called once it is committed. */
  wake(kind: WakeUpKind, owner: Owner | undefined, id: string): void {
    this.#wake(this.#watchers.get(keyOf(kind, owner, id)))
  }

  /** Wakes whoever waits, here and elsewhere. To be called once it is committed. */
  tell(kind: WakeUpKind, owner: Owner | undefined, id: string): void {
    this.wake(kind, owner, id)
    if (!this.#closed) this.#announcements.announce(`${this.#origin} ${keyOf(kind, owner, id)}`)
  }

  /** Wakes everybody: something may have been missed. */
  wakeAll(): void {
    for (const watchers of this.#watchers.values()) this.#wake(watchers)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#pause()
    this.#watchers.clear()
    await this.#announcements.settled()
    const stop = await this.#listening?.catch(() => undefined)
    await stop?.()
  }

  #start(): void {
    this.#listening ??= runOutside(async () => {
      try {
        return await this.#database.listen(
          channel,
          (payload) => this.#heard(payload),
          () => this.wakeAll(),
          this.#session,
        )
      } catch (error) {
        // Polling goes on; the next watcher tries again.
        this.#listening = undefined
        this.#logger?.warn({ err: error }, 'cannot listen for notifications; runs are polled')
        return undefined
      }
    })
    this.#timer ??= runOutside(() => {
      const timer = setInterval(() => this.#poll(), Math.ceil(this.#pollMs / 4))
      timer.unref()
      return timer
    })
  }

  #pause(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #heard(payload: string): void {
    const [origin, key = ''] = payload.split(' ')
    if (origin !== this.#origin) this.#wake(this.#watchers.get(key))
  }

  /** Looked at four times as often, so that nobody waits for longer than they were promised. */
  #poll(): void {
    const before = performance.now() - this.#pollMs * 0.75
    for (const watchers of this.#watchers.values()) {
      for (const watcher of watchers) if (watcher.wokenAt <= before) this.#wake([watcher])
    }
  }

  #wake(watchers: Iterable<Watcher> = []): void {
    for (const watcher of watchers) {
      watcher.wokenAt = performance.now()
      watcher.wake()
    }
  }
}

function keyOf(kind: WakeUpKind, owner: Owner | undefined, id: string): string {
  const whose = owner === undefined ? '' : canonicalOwner(owner)
  return createHash('sha256')
    .update(JSON.stringify([kind, whose, id]))
    .digest('base64url')
}
