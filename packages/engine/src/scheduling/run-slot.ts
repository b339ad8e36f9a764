import type { Scope } from '@ringfence/context'
import { unlessAborted } from '../internal/unless-aborted.ts'

/** The part of a ticket that is needed. */
export interface Pausable {
  pause(): void
  resume(): Promise<void>
}

/**
 * Gives a run's shared slot back while nothing of the run works and something of it waits for a person: whoever
 * waits for somebody else must not keep everybody waiting. The owner's own slot stays taken, so that nobody can
 * have more runs going than they may.
 */
export class RunSlot {
  readonly #ticket: Pausable
  #waiting = 0
  #working = 0
  #paused = false
  /** Undefined as long as the slot was never given back. */
  #back: Promise<void> | undefined

  constructor(ticket: Pausable) {
    this.#ticket = ticket
  }

  /** Waits for a person, without a slot. Resolves with a slot, as soon as one is free; rejects at once. */
  async idle<Result>(wait: () => Promise<Result>): Promise<Result> {
    this.#waiting += 1
    void this.#update()
    try {
      const result = await wait()
      this.#waiting -= 1
      await this.#update()
      return result
    } catch (error) {
      this.#waiting -= 1
      void this.#update()
      throw error
    }
  }

  /** Works, with a slot. Rejects with the scope's reason where it is aborted before there is one. */
  async work<Result>(scope: () => Scope, work: () => Promise<Result>): Promise<Result> {
    this.#working += 1
    try {
      const back = this.#update()
      if (back !== undefined && this.#waiting > 0) await unlessAborted(back, scope())
      return await work()
    } finally {
      this.#working -= 1
      void this.#update()
    }
  }

  /** Resolves when there is a slot, where there is to be one; what it rejects with need not be looked at. */
  #update(): Promise<void> | undefined {
    const pause = this.#waiting > 0 && this.#working === 0
    if (pause === this.#paused) return this.#back
    this.#paused = pause
    if (pause) this.#ticket.pause()
    this.#back = pause ? undefined : this.#ticket.resume()
    this.#back?.catch(() => undefined)
    return this.#back
  }
}
