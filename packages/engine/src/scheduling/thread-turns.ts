import type { LiveRun } from '../runs/live-run.ts'

/** The runs of one thread that have not ended. */
interface Thread {
  /** Whose turn it is: one run, those that it started in its own thread, and those that do not wait for a turn. */
  readonly holders: Set<LiveRun>
  /** Those who wait for the turn, first come first. */
  readonly waiting: Set<LiveRun>
}

/** One run of a thread at a time. Indexed by owner first (I8). */
export class ThreadTurns {
  readonly #owners = new Map<string, Map<string, Thread>>()

  /**
   * The run that has the turn of the thread; undefined where nobody has, and for what that run starts itself:
   * it would wait for its own end.
   */
  holder(owner: string, threadId: string, startedBy: string | undefined): LiveRun | undefined {
    const holders = this.#find(owner, threadId)?.holders ?? new Set<LiveRun>()
    for (const { runId } of holders) if (runId === startedBy) return undefined
    const [first] = holders
    return first
  }

  /** The runs of the thread that have not ended, in order. */
  runs(owner: string, threadId: string): readonly LiveRun[] {
    const thread = this.#find(owner, threadId)
    return thread === undefined ? [] : [...thread.holders, ...thread.waiting]
  }

  /** Gives a run its place. One that waits has a ticket that is held, and it is opened when its turn has come. */
  enter(owner: string, threadId: string, run: LiveRun, waits: boolean): void {
    const threads = this.#owners.get(owner) ?? new Map<string, Thread>()
    this.#owners.set(owner, threads)
    const thread = threads.get(threadId) ?? { holders: new Set(), waiting: new Set() }
    threads.set(threadId, thread)
    const among = waits ? thread.waiting : thread.holders
    among.add(run)
    run.onEnd(() => this.#leave(owner, threadId, thread, run))
  }

  #leave(owner: string, threadId: string, thread: Thread, run: LiveRun): void {
    const { holders, waiting } = thread
    waiting.delete(run)
    holders.delete(run)
    if (holders.size > 0) return
    const [next] = waiting
    if (next !== undefined) {
      waiting.delete(next)
      holders.add(next)
      next.ticket.open()
      return
    }
    const threads = this.#owners.get(owner)
    if (threads?.get(threadId) !== thread) return
    threads.delete(threadId)
    if (threads.size === 0) this.#owners.delete(owner)
  }

  #find(owner: string, threadId: string): Thread | undefined {
    return this.#owners.get(owner)?.get(threadId)
  }
}
