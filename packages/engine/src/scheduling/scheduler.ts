import { EngineError } from '../errors/engine-error.ts'

/** A place in the queue, then a slot. */
export interface Ticket {
  /** Resolves when the slot is there. Rejects with what `withdraw` was given. */
  readonly granted: Promise<void>
  /** Gives up waiting. Without effect once the slot was granted. */
  withdraw(reason: unknown): void
  /** Keeps the owner's slot charged until this settles: for work that did not stop when it was told to (I9). */
  charge(until: Promise<unknown>): void
  /** The work is over: the shared slot is free at once, the owner's when nothing is charged to it any more. */
  release(): void
}

export interface SchedulerLimits {
  readonly ownerConcurrency: number
  readonly concurrency: number
  readonly ownerQueue: number
  readonly queue: number
}

interface Waiting {
  readonly grant: () => void
  readonly onPosition: (position: number) => void
}

/** One owner's share: what is charged to them, and what waits, first in first out. */
interface Share {
  charged: number
  readonly waiting: Set<Waiting>
}

// A guess that is right about the order of magnitude; clients only need to know not to hammer.
const retryAfterMs = 1_000

/**
 * Two limits at once, per owner and in all, and a turn for each owner in rotation: whoever waits longest
 * among the owners is served next, whatever one of them piles up (I9). Slots are handed over by resolving a
 * promise, never by calling the next owner's code, so nobody's work runs in somebody else's scope.
 */
export class Scheduler {
  readonly #limits: SchedulerLimits
  /** In the order of their turns: an owner that was served goes to the end. */
  readonly #shares = new Map<string, Share>()
  #running = 0
  #waiting = 0

  constructor(limits: SchedulerLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Owners that something is kept of: those with a run going, waiting, or charged to them. */
  get owners(): number {
    return this.#shares.size
  }

  /**
   * Takes a slot, or a place in the owner's queue. Throws `OWNER_QUEUE_FULL` and `QUEUE_FULL`, at once: a
   * refusal costs nothing. `onPosition` hears where the run stands in its owner's queue; 1 is next.
   */
  enter(owner: string, onPosition: (position: number) => void): Ticket {
    const share = this.#shares.get(owner) ?? { charged: 0, waiting: new Set<Waiting>() }
    this.#refuseIfFull(share)
    this.#shares.set(owner, share)
    let state: 'waiting' | 'granted' | 'over' = 'waiting'
    let held = 1
    let settle: { resolve: () => void; reject: (reason: unknown) => void }
    const granted = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject }
    })
    granted.catch(() => undefined)
    const entry: Waiting = {
      grant: () => {
        state = 'granted'
        settle.resolve()
      },
      onPosition,
    }
    const letGo = (): void => {
      held -= 1
      if (held > 0) return
      share.charged -= 1
      this.#forgetIfIdle(owner, share)
      this.#serve()
    }
    share.waiting.add(entry)
    this.#waiting += 1
    this.#serve()
    if (share.waiting.has(entry)) onPosition(share.waiting.size)
    return {
      granted,
      withdraw: (reason) => {
        if (state !== 'waiting') return
        state = 'over'
        share.waiting.delete(entry)
        this.#waiting -= 1
        this.#forgetIfIdle(owner, share)
        announcePositions(share)
        settle.reject(reason)
      },
      charge: (until) => {
        if (state !== 'granted') return
        held += 1
        until.then(letGo, letGo)
      },
      release: () => {
        if (state !== 'granted') return
        state = 'over'
        this.#running -= 1
        letGo()
        this.#serve()
      },
    }
  }

  #refuseIfFull(share: Share): void {
    const { ownerConcurrency, ownerQueue, concurrency, queue } = this.#limits
    const ownerBusy = share.charged >= ownerConcurrency || share.waiting.size > 0
    const busy = this.#running >= concurrency
    if (!ownerBusy && !busy) return
    if (share.waiting.size >= ownerQueue) {
      throw new EngineError(
        'OWNER_QUEUE_FULL',
        `You have ${share.charged} runs going and ${share.waiting.size} waiting; no more can wait. Try again when one has ended.`,
        { retryAfterMs },
      )
    }
    if (this.#waiting >= queue) {
      throw new EngineError(
        'QUEUE_FULL',
        'The server has as many runs waiting as it can hold. Try again later.',
        {
          retryAfterMs,
        },
      )
    }
  }

  /** Grants what the limits allow, an owner at a time. */
  #serve(): void {
    while (this.#running < this.#limits.concurrency) {
      const next = this.#nextOwner()
      if (next === undefined) return
      const [owner, share, entry] = next
      share.waiting.delete(entry)
      this.#waiting -= 1
      share.charged += 1
      this.#running += 1
      this.#shares.delete(owner)
      this.#shares.set(owner, share)
      entry.grant()
      announcePositions(share)
    }
  }

  #nextOwner(): [string, Share, Waiting] | undefined {
    if (this.#waiting === 0) return undefined
    for (const [owner, share] of this.#shares) {
      if (share.charged >= this.#limits.ownerConcurrency) continue
      const [entry] = share.waiting
      if (entry !== undefined) return [owner, share, entry]
    }
    return undefined
  }

  #forgetIfIdle(owner: string, share: Share): void {
    if (share.charged === 0 && share.waiting.size === 0 && this.#shares.get(owner) === share) {
      this.#shares.delete(owner)
    }
  }
}

function announcePositions(share: Share): void {
  let position = 0
  for (const entry of share.waiting) {
    position += 1
    entry.onPosition(position)
  }
}
