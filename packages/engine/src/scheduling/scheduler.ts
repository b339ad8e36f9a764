import { EngineError } from '../errors/engine-error.ts'
import { Place, type PlaceKeeper, type Ticket } from './place.ts'
import { PositionNotices } from './position-notices.ts'
import { PriorityQueue } from './priority-queue.ts'
import { Share } from './share.ts'

export interface SchedulerLimits {
  readonly ownerConcurrency: number
  readonly concurrency: number
  readonly ownerQueue: number
  readonly queue: number
}

export interface Entrance {
  /** Turns in a round, beside an owner of weight 1. It stands for all that the owner has waiting. Default 1. */
  readonly weight?: number
  /** True for what has to wait for something else first: it is served once its ticket is opened. */
  readonly held?: boolean
}

// A guess that is right about the order of magnitude; clients only need to know not to hammer.
const retryAfterMs = 1_000

/**
 * Two limits at once, per owner and in all, and turns by weight: in a round each owner who waits has as many
 * turns as their weight says, whatever one of them piles up (I9).
 *
 * The rounds are virtual time (self-clocked fair queueing): an owner's next turn comes one part of their weight
 * after the last one, or after now for whoever was not waiting, and the earliest turn is served. Only owners
 * who could be served at once are looked at, so that a grant costs the logarithm of their number, however many
 * others wait at their limit.
 */
export class Scheduler {
  readonly #limits: SchedulerLimits
  readonly #shares = new Map<string, Share>()
  /** Owners who have something waiting, and a slot of their own for it. */
  readonly #ready = new PriorityQueue<Share>(
    (one, other) =>
      one.turn < other.turn || (one.turn === other.turn && one.readySince < other.readySince),
  )
  readonly #positions = new PositionNotices()
  readonly #keeper: PlaceKeeper = {
    opened: (place) => this.#open(place),
    withdrawn: (place) => this.#withdraw(place),
    paused: () => this.#pause(),
    resumed: (place) => this.#resume(place),
    stayed: (place) => {
      this.#returning.delete(place)
    },
    endedPaused: () => {
      this.#paused -= 1
    },
    released: () => {
      this.#running -= 1
    },
    discharged: ({ share }) => this.#discharge(share),
    serve: () => this.#serve(),
  }
  /** The round, with fractions, of the newest grant. */
  #round = 0
  #arrivals = 0
  #readiness = 0
  #running = 0
  /** Runs that wait for a person, without a shared slot. */
  #paused = 0
  /** Those of them that have their answer, first come first. */
  readonly #returning = new Set<Place>()
  #waiting = 0

  constructor(limits: SchedulerLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#running
  }

  /** Runs that wait for a person, without a shared slot. */
  get paused(): number {
    return this.#paused
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Owners that something is kept of: those with a run going, waiting, or charged to them. */
  get owners(): number {
    return this.#shares.size
  }

  /** Whether somebody waits for a slot that is free. It never should be. */
  get stuck(): boolean {
    const wanted = this.#ready.size + this.#returning.size
    return this.#running < this.#limits.concurrency && wanted > 0
  }

  /** Whether the queue of all owners is. */
  get full(): boolean {
    return this.#waiting > 0 && this.#waiting >= this.#limits.queue
  }

  /**
   * Takes a slot, or a place in the owner's queue. Throws `OWNER_QUEUE_FULL` and `QUEUE_FULL`, at once: a
   * refusal costs nothing. `onPosition` hears where the run stands in its owner's queue, now and when that has
   * changed for a while; 1 is next.
   */
  enter(
    owner: string,
    onPosition: (position: number) => void,
    { weight = 1, held = false }: Entrance = {},
  ): Ticket {
    const share = this.#shares.get(owner) ?? new Share(owner)
    this.#refuseIfFull(share, held)
    this.#shares.set(owner, share)
    this.#weigh(share, weight)
    this.#arrivals += 1
    const place = new Place(this.#keeper, share, this.#arrivals, held, onPosition)
    share.waiting.add(place)
    this.#waiting += 1
    if (!held) this.#open(place)
    if (place.waiting) {
      place.told = share.waiting.size
      onPosition(place.told)
    }
    return place
  }

  #refuseIfFull(share: Share, held: boolean): void {
    const { ownerConcurrency, ownerQueue, concurrency, queue } = this.#limits
    const ownerBusy = share.charged >= ownerConcurrency || share.open.size > 0
    if (!held && !ownerBusy && this.#running < concurrency) return
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
        { retryAfterMs },
      )
    }
  }

  /** The newest weight holds for the turn that an owner waits for, too. */
  #weigh(share: Share, weight: number): void {
    if (share.weight === weight) return
    const ready = this.#ready.has(share)
    if (ready) this.#ready.remove(share)
    if (share.turn > this.#round) {
      share.turn = this.#round + ((share.turn - this.#round) * share.weight) / weight
    }
    share.weight = weight
    if (ready) this.#ready.add(share)
  }

  #open(place: Place): void {
    const { share } = place
    // Whoever begins to wait has their turn in the round to come, as if they had just been served.
    if (share.open.size === 0) share.turn = this.#round + 1 / share.weight
    share.open.add(place)
    this.#reconsider(share)
    this.#serve()
  }

  #withdraw(place: Place): void {
    this.#leave(place)
    this.#reconsider(place.share)
    this.#forgetIfIdle(place.share)
  }

  #discharge(share: Share): void {
    share.charged -= 1
    this.#reconsider(share)
    this.#forgetIfIdle(share)
  }

  /** As many may wait for a person as may wait for a slot: both hold memory. */
  #pause(): boolean {
    if (this.#paused >= this.#limits.queue) return false
    this.#paused += 1
    this.#running -= 1
    this.#serve()
    return true
  }

  #resume(place: Place): boolean {
    if (this.#running >= this.#limits.concurrency) {
      this.#returning.add(place)
      return false
    }
    this.#paused -= 1
    this.#running += 1
    return true
  }

  /** Grants what the limits allow, a turn at a time. Who was granted a slot before goes first. */
  #serve(): void {
    while (this.#running < this.#limits.concurrency) {
      const [returning] = this.#returning
      if (returning !== undefined) {
        this.#returning.delete(returning)
        this.#paused -= 1
        this.#running += 1
        returning.returned()
        continue
      }
      const share = this.#ready.first
      const place = share?.open.first
      if (share === undefined || place === undefined) return
      this.#ready.remove(share)
      this.#leave(place)
      share.charged += 1
      this.#running += 1
      this.#round = share.turn
      share.turn += 1 / share.weight
      this.#reconsider(share)
      place.grant()
    }
  }

  #leave(place: Place): void {
    const { share } = place
    share.waiting.delete(place)
    share.open.remove(place)
    this.#waiting -= 1
    this.#positions.changed(share)
  }

  /** Puts an owner among those who can be served, or takes them out, after anything that may have changed it. */
  #reconsider(share: Share): void {
    const ready = share.open.size > 0 && share.charged < this.#limits.ownerConcurrency
    if (!ready) this.#ready.remove(share)
    else if (!this.#ready.has(share)) {
      // Turns that passed while the owner was at their limit are not saved up.
      share.turn = Math.max(share.turn, this.#round)
      this.#readiness += 1
      share.readySince = this.#readiness
      this.#ready.add(share)
    }
  }

  #forgetIfIdle(share: Share): void {
    if (share.charged === 0 && share.waiting.size === 0) this.#shares.delete(share.owner)
  }
}
