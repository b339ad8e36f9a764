import { runOutside } from '@ringfence/context'
import type { EventDraft, UnnumberedEvent } from './agent-event.ts'

export interface TextBatchOptions<Stored> {
  /** Milliseconds that a piece may wait for more. */
  readonly windowMs: number
  /** Stores events after everything that was to be stored before. `taken`: whoever said them was let go on. */
  readonly store: (events: readonly UnnumberedEvent[], taken: boolean) => Promise<Stored>
}

/** So much waits at most: then it is stored, and whoever came last waits until it is. */
const mostPieces = 100
const mostCharacters = 8_192

const pieces = new Set<EventDraft['type']>(['agent_text', 'agent_thinking'])

/** Whether an event may wait for more of its kind. */
export function isPiece({ type }: { readonly type: EventDraft['type'] }): boolean {
  return pieces.has(type)
}

/**
 * Pieces of what an agent says, stored together: one statement of a database instead of one for each. A piece after a
 * silence is stored at once, so that nobody waits for the first word; those that follow within the window wait for its
 * end, or until there are enough of them. While a batch is being stored the next one grows.
 */
export class TextBatch<Stored> {
  readonly #options: TextBatchOptions<Stored>
  #waiting: UnnumberedEvent[] = []
  #characters = 0
  #storing = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: TextBatchOptions<Stored>) {
    this.#options = options
  }

  /**
   * Takes a piece. Returns what its emitter is to wait for; undefined where it is to wait for nothing, because there is
   * room. One that `joins` becomes part of the piece before it, where that still waits and is of the same agent.
   */
  add(event: UnnumberedEvent, joins: boolean): Promise<Stored> | undefined {
    if (this.#timer === undefined && this.#storing === 0) return this.#send([event], false)
    const last = joins ? joined(this.#waiting.at(-1), event) : undefined
    if (last === undefined) this.#waiting.push(event)
    else this.#waiting[this.#waiting.length - 1] = last
    this.#characters += lengthOf(event)
    const full = this.#waiting.length >= mostPieces || this.#characters >= mostCharacters
    return full ? this.#flush() : undefined
  }

  /** What waits, for whoever stores something behind it: nothing else waits for the window. */
  take(): readonly UnnumberedEvent[] {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const taken = this.#waiting
    this.#waiting = []
    this.#characters = 0
    return taken
  }

  #flush(): Promise<Stored> {
    return this.#send(this.take(), true)
  }

  #send(events: readonly UnnumberedEvent[], taken: boolean): Promise<Stored> {
    const { store, windowMs } = this.#options
    this.#timer = runOutside(() => setTimeout(() => this.#windowOver(), windowMs))
    this.#storing += 1
    const sent = store(events, taken)
    const settled = (): void => {
      this.#storing -= 1
      if (this.#timer === undefined) this.#windowOver()
    }
    sent.then(settled, settled)
    return sent
  }

  /** What came while the store was busy goes when it is not: a slow store gets fewer and larger batches. */
  #windowOver(): void {
    this.#timer = undefined
    if (this.#storing === 0 && this.#waiting.length > 0) void this.#flush()
  }
}

function lengthOf(event: UnnumberedEvent): number {
  if (event.type === 'agent_text') return event.data.delta.length
  return event.type === 'agent_thinking' ? event.data.text.length : 0
}

function joined(
  last: UnnumberedEvent | undefined,
  next: UnnumberedEvent,
): UnnumberedEvent | undefined {
  if (last?.type !== 'agent_text' || next.type !== 'agent_text') return undefined
  if (last.agent !== next.agent) return undefined
  const delta = last.data.delta + next.data.delta
  return Object.freeze({ ...next, data: Object.freeze({ delta }) })
}
