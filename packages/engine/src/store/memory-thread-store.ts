import { canonicalOwner, type Owner } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { resolveStoreLimits } from '../internal/resolve-store-limits.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'
import { assertSystem } from '../system/system-scope.ts'
import { MemoryThread, turnOver } from './memory-thread.ts'
import { ownerKey } from './owner-key.ts'
import type {
  MessagePage,
  MessagePageOptions,
  ThreadMessage,
  ThreadPage,
  ThreadPageOptions,
  ThreadRecord,
  ThreadStore,
  ThreadTurn,
} from './thread-store.ts'

/** How much the memory store keeps of conversations. */
export interface MemoryThreadStoreLimits {
  /** Messages of one thread. Default 1,000. */
  readonly messagesPerThread: number
  /** Bytes of JSON of one message. More is refused with `MESSAGE_TOO_LARGE`. Default 256 KiB. */
  readonly bytesPerMessage: number
  /** Bytes of JSON of one thread. Default 4 MiB. */
  readonly bytesPerThread: number
  /** Threads of one owner. Default 200. */
  readonly threadsPerOwner: number
  /** Bytes of JSON of one owner's threads. Default 16 MiB. */
  readonly bytesPerOwner: number
  /** Bytes of JSON of all threads. Default 128 MiB. */
  readonly bytes: number
}

export interface MemoryThreadStoreOptions extends Partial<MemoryThreadStoreLimits> {
  /**
   * What happens where there is no room. `drop`: in a thread, the oldest turns go; of an owner, the thread that was
   * written least recently; of all, one of the owner who holds most. `refuse`: `THREAD_FULL`. Default: `drop`.
   */
  readonly whenFull?: 'drop' | 'refuse'
}

const defaults: MemoryThreadStoreLimits = Object.freeze({
  messagesPerThread: 1_000,
  bytesPerMessage: 262_144,
  bytesPerThread: 4_194_304,
  threadsPerOwner: 200,
  bytesPerOwner: 16_777_216,
  bytes: 134_217_728,
})

/** One owner's threads, the one written least recently first, and what they take. */
interface OwnedThreads {
  readonly threads: Map<string, MemoryThread>
  bytes: number
}

/** Conversations in the memory of this process: bounded, gone with the process. */
export class MemoryThreadStore implements ThreadStore {
  readonly #limits: MemoryThreadStoreLimits
  readonly #mayDrop: boolean
  readonly #runHasEnded: (runId: string) => boolean
  readonly #owners = new Map<string, OwnedThreads>()
  #bytes = 0

  /** `runHasEnded` answers for the current owner: whoever has ended can no longer write. */
  constructor(options: MemoryThreadStoreOptions, runHasEnded: (runId: string) => boolean) {
    const { whenFull = 'drop', ...limits } = withoutUndefined(options)
    this.#limits = resolveStoreLimits(defaults, limits)
    const full: unknown = whenFull
    if (full !== 'drop' && full !== 'refuse') {
      throw new TypeError(`Expected \`whenFull\` to be "drop" or "refuse", got ${String(full)}`)
    }
    this.#mayDrop = full === 'drop'
    this.#runHasEnded = runHasEnded
  }

  async append(threadId: string, turn: ThreadTurn): Promise<readonly ThreadMessage[]> {
    const key = ownerKey()
    if (turn.runId !== undefined && this.#runHasEnded(turn.runId)) {
      throw new EngineError(
        'RUN_ENDED',
        `The run "${turn.runId}" has ended; it cannot write history.`,
      )
    }
    const owned = this.#owners.get(key) ?? { threads: new Map<string, MemoryThread>(), bytes: 0 }
    const known = owned.threads.get(threadId)
    if (known === undefined && turn.continues === true) throw turnOver(threadId)
    if (known === undefined) this.#refuseThread(owned)
    const thread = known ?? new MemoryThread(threadId, turn.at, this.#limits)
    const before = thread.bytes
    const added = thread.append(turn, this.#mayDrop)
    owned.threads.delete(threadId)
    owned.threads.set(threadId, thread)
    this.#owners.set(key, owned)
    this.#account(owned, thread.bytes - before)
    this.#makeRoom(owned, thread)
    return added
  }

  async get(threadId: string): Promise<ThreadRecord | undefined> {
    return this.#find(threadId)?.record
  }

  async read(threadId: string, page: MessagePageOptions = {}): Promise<MessagePage | undefined> {
    if (page.limit !== undefined) checkedLimit('limit', page.limit, 1)
    if (page.before !== undefined) checkedLimit('before', page.before, 0)
    return this.#find(threadId)?.read(page)
  }

  async list({ limit = 20, before }: ThreadPageOptions = {}): Promise<ThreadPage> {
    checkedLimit('limit', limit, 1)
    const newestFirst = [...(this.#owners.get(ownerKey())?.threads.values() ?? [])].toReversed()
    const start =
      before === undefined ? 0 : newestFirst.findIndex(({ threadId }) => threadId === before) + 1
    if (before !== undefined && start === 0) return { threads: [] }
    const page = newestFirst.slice(start, start + Math.min(limit, 100))
    const threads = page.map(({ record }) => record)
    const more = start + page.length < newestFirst.length
    return more ? { threads, next: threads.at(-1)?.threadId } : { threads }
  }

  async delete(threadId: string): Promise<boolean> {
    const key = ownerKey()
    const owned = this.#owners.get(key)
    const thread = owned?.threads.get(threadId)
    if (owned === undefined || thread === undefined) return false
    this.#remove(key, owned, thread)
    return true
  }

  /** For the system scope: what is kept of all. */
  get threads(): number {
    return [...this.#owners.values()].reduce((count, { threads }) => count + threads.size, 0)
  }

  owners(): Iterable<string> {
    return this.#owners.keys()
  }

  forget(owner: Owner): { threads: number; messages: number } {
    assertSystem('forget')
    const key = canonicalOwner(owner)
    const owned = this.#owners.get(key)
    const threads = [...(owned?.threads.values() ?? [])]
    const messages = threads.reduce((count, thread) => count + thread.messages, 0)
    this.#bytes -= owned?.bytes ?? 0
    this.#owners.delete(key)
    return { threads: threads.length, messages }
  }

  clear(): void {
    this.#owners.clear()
    this.#bytes = 0
  }

  #find(threadId: string): MemoryThread | undefined {
    return this.#owners.get(ownerKey())?.threads.get(threadId)
  }

  #refuseThread({ threads }: OwnedThreads): void {
    const { threadsPerOwner } = this.#limits
    if (this.#mayDrop || threads.size < threadsPerOwner) return
    throw new EngineError(
      'THREAD_FULL',
      `You have ${threads.size} threads, and that is the limit. Delete one to begin another.`,
    )
  }

  /** Forgets whole threads until the rest fits; never the one that was just written. */
  #makeRoom(writer: OwnedThreads, spared: MemoryThread): void {
    const { threadsPerOwner, bytesPerOwner, bytes } = this.#limits
    while (
      (writer.threads.size > threadsPerOwner || writer.bytes > bytesPerOwner) &&
      this.#forgetOldest(writer, spared)
    );
    while (this.#bytes > bytes && this.#forgetOldest(this.#largest(), spared));
  }

  #largest(): OwnedThreads | undefined {
    let largest: OwnedThreads | undefined
    for (const owned of this.#owners.values()) {
      if (owned.bytes > (largest?.bytes ?? 0)) largest = owned
    }
    return largest
  }

  #forgetOldest(owned: OwnedThreads | undefined, spared: MemoryThread): boolean {
    for (const thread of owned?.threads.values() ?? []) {
      if (thread === spared || owned === undefined) continue
      owned.threads.delete(thread.threadId)
      this.#account(owned, -thread.bytes)
      return true
    }
    return false
  }

  #remove(key: string, owned: OwnedThreads, thread: MemoryThread): void {
    owned.threads.delete(thread.threadId)
    this.#account(owned, -thread.bytes)
    if (owned.threads.size === 0) this.#owners.delete(key)
  }

  #account(owned: OwnedThreads, bytes: number): void {
    owned.bytes += bytes
    this.#bytes += bytes
  }
}
