import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long work over many rows may hold the event loop, and what may end it. */
export interface PaceOptions {
  /** Ends the work: the next `turn` rejects with its reason. */
  readonly signal?: AbortSignal
  /**
   * Units of work (about one row each) between two turns of the event loop.
   * @default 2000
   */
  readonly unitsPerTurn?: number
  /** Gives control back to the event loop. @default a `setImmediate` turn */
  readonly nextTurn?: () => Promise<void>
}

/**
 * Shares the event loop: work over many rows asks `due()` as it goes and awaits `turn()` when it
 * is true, so that one large log never holds up the other users of the process.
 */
export interface Pace {
  /** How often control went back to the event loop. */
  readonly turns: number
  /** Counts `units` of work; true when it is time to await `turn()`. */
  due(units?: number): boolean
  /** Gives control back to the event loop once. Rejects with the signal's reason once aborted. */
  turn(): Promise<void>
}

const macrotask = (): Promise<void> => nextTurn()

/** Makes the pace of one analysis. Throws RangeError where `unitsPerTurn` is not an integer >= 1. */
export const createPace = (options: PaceOptions = {}): Pace => {
  const { signal, unitsPerTurn = 2000, nextTurn: giveWay = macrotask } = options
  if (!Number.isSafeInteger(unitsPerTurn) || unitsPerTurn < 1) {
    throw new RangeError(`Expected \`unitsPerTurn\` to be an integer >= 1, got \`${unitsPerTurn}\``)
  }
  let turns = 0
  let done = 0
  return {
    get turns() {
      return turns
    },
    due(units = 1) {
      done += units
      return done >= unitsPerTurn
    },
    async turn() {
      signal?.throwIfAborted()
      done = 0
      turns += 1
      await giveWay()
      signal?.throwIfAborted()
    },
  }
}
