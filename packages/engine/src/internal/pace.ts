import { nextTurn } from './next-turn.ts'

/**
 * So much is done in one go. Code whose every wait is over at once would keep the process to itself otherwise, and even
 * the timer of its own deadline waiting.
 */
const inOneGo = 128

/** Gives everybody else a turn, now and then, while one piece of code does one thing after the other. */
export class Pace {
  #done = 0

  /** The same promise, or one that settles a turn later. */
  keep<Result>(working: Promise<Result>): Promise<Result> {
    this.#done += 1
    return this.#done % inOneGo === 0 ? aTurnLater(working) : working
  }
}

async function aTurnLater<Result>(working: Promise<Result>): Promise<Result> {
  try {
    return await working
  } finally {
    await nextTurn()
  }
}
