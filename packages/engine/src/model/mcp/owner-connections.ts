import { canonicalOwner, currentScope, type Scope } from '@ringfence/context'
import { timerMs } from '../../internal/timer-ms.ts'

export interface ConnectionLimits {
  /** Milliseconds that a connection is kept while nobody uses it. */
  readonly idleMs: number
  /** Milliseconds after which a connection is not used for anything new. */
  readonly maxAgeMs: number
  /** How many connections that nobody uses are kept, of all owners together. */
  readonly maxIdle: number
}

/** Something that is connected for one owner, and how it is ended. */
export interface Connection<Value> {
  readonly value: Value
  close(): PromiseLike<void>
}

interface Kept<Value> {
  readonly owner: string
  readonly connected: Promise<Value>
  readonly since: number
  users: number
  idle: ReturnType<typeof setTimeout> | undefined
  /** Lets it close, once. */
  readonly end: () => void
  readonly ended: Promise<void>
}

/**
 * One connection for each owner, shared by that owner's executions and by nobody else's: the index begins with the
 * owner, taken from the scope (I8). A connection lives in a root scope of its owner, so that what it does by itself
 * runs as that owner, and ends with them: revoking the owner closes it.
 */
export class OwnerConnections<Value> {
  readonly #connect: (signal: AbortSignal) => Promise<Connection<Value>>
  readonly #label: string
  readonly #limits: ConnectionLimits
  readonly #kept = new Map<string, Kept<Value>>()
  readonly #open = new Set<Kept<Value>>()
  #closed = false

  constructor(
    label: string,
    limits: ConnectionLimits,
    connect: (signal: AbortSignal) => Promise<Connection<Value>>,
  ) {
    this.#label = label
    this.#limits = limits
    this.#connect = connect
  }

  /** How many are open, of all owners. */
  get size(): number {
    return this.#open.size
  }

  /** The current owner's connection, held until the current scope closes. Rejects with what connecting throws. */
  async use(): Promise<Value> {
    const scope = currentScope()
    if (this.#closed) throw new Error(`The ${this.#label} was closed, with all others`)
    const kept = this.#take(scope)
    scope.defer(() => this.#leave(kept))
    return kept.connected
  }

  /** Closes the current owner's connection as soon as nobody uses it: their credentials have changed. */
  forget(): void {
    const kept = this.#kept.get(canonicalOwner(currentScope().owner))
    if (kept !== undefined) this.#forget(kept)
  }

  /** Closes all, for good: who asks later is refused. */
  async close(): Promise<void> {
    this.#closed = true
    const open = [...this.#open]
    for (const kept of open) kept.end()
    await Promise.all(open.map(({ ended }) => ended))
  }

  #take(scope: Scope): Kept<Value> {
    const owner = canonicalOwner(scope.owner)
    const known = this.#kept.get(owner)
    const fresh = known !== undefined && performance.now() - known.since < this.#limits.maxAgeMs
    if (known !== undefined && !fresh) this.#forget(known)
    const kept = fresh ? known : this.#begin(scope, owner)
    kept.users += 1
    clearTimeout(kept.idle)
    return kept
  }

  #leave(kept: Kept<Value>): void {
    kept.users -= 1
    if (kept.users > 0) return
    if (this.#kept.get(kept.owner) !== kept) {
      kept.end()
      return
    }
    kept.idle = setTimeout(() => this.#forget(kept), timerMs(this.#limits.idleMs))
    // A connection that is kept for later does not keep a process from ending.
    if (typeof kept.idle === 'object') kept.idle.unref?.()
    // The one that was used longest ago stands first.
    this.#kept.delete(kept.owner)
    this.#kept.set(kept.owner, kept)
    this.#dropExcess()
  }

  #dropExcess(): void {
    const idle = [...this.#kept.values()].filter(({ users }) => users === 0)
    for (const kept of idle.slice(0, Math.max(0, idle.length - this.#limits.maxIdle))) {
      this.#forget(kept)
    }
  }

  /** Nobody gets it any more; who uses it may go on. */
  #forget(kept: Kept<Value>): void {
    if (this.#kept.get(kept.owner) === kept) this.#kept.delete(kept.owner)
    if (kept.users === 0) kept.end()
  }

  #begin(scope: Scope, owner: string): Kept<Value> {
    let end = (): void => undefined
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    let connected: (value: Value) => void = () => undefined
    let refused: (error: unknown) => void = () => undefined
    const connecting = new Promise<Value>((resolve, reject) => {
      connected = resolve
      refused = reject
    })
    connecting.catch(() => undefined)
    const ended = scope
      .detach(this.#label, { deadlineMs: Infinity }, async (own) => {
        const { signal } = own
        const connection = await this.#connect(signal)
        own.defer(() => connection.close())
        connected(connection.value)
        await Promise.race([over, aborted(signal)])
      })
      .catch((error: unknown) => refused(error))
      .then(() => {
        clearTimeout(kept.idle)
        this.#open.delete(kept)
        if (this.#kept.get(owner) === kept) this.#kept.delete(owner)
        // Where it was ended before it was connected.
        refused(new Error(`The ${this.#label} was closed`))
      })
    const kept: Kept<Value> = {
      owner,
      connected: connecting,
      since: performance.now(),
      users: 0,
      idle: undefined,
      end,
      ended,
    }
    this.#kept.set(owner, kept)
    this.#open.add(kept)
    return kept
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
