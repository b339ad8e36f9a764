import type { Place } from './place.ts'
import { PriorityQueue } from './priority-queue.ts'

/** What the scheduler keeps of one owner: what is charged to them, what waits, and when it is their turn. */
export class Share {
  readonly owner: string
  /** Turns in a round, beside an owner of weight 1. */
  weight = 1
  /** Slots that are taken: by what runs, and by what has ended and left something running. */
  charged = 0
  /** All that waits, in the order in which it came. */
  readonly waiting: Set<Place> = new Set()
  /** What waits for nothing but a slot, first come first. */
  readonly open: PriorityQueue<Place> = new PriorityQueue(
    (one, other) => one.arrival < other.arrival,
  )
  /** The round, with fractions, in which it is their turn. */
  turn = 0
  /** Decides between those who have their turn at once: who was ready first. */
  readySince = 0

  constructor(owner: string) {
    this.owner = owner
  }
}
