import type { Scope } from '@ringfence/context'
import type { AgentEvent } from './agent-event.ts'

/**
 * A run that is followed: each event is handed over, instead of being asked for. Who has many readers holds less for each
 * that waits than with an iterator.
 */
export interface Following {
  /**
   * Calls `take` with each event, in the scope that calls this, one after the other: the next comes when what `take`
   * returned has resolved. Resolves after the terminal event, and when the following is stopped or its scope closes;
   * rejects with what `take` threw, and with `SLOW_FOLLOWER` and `CURSOR_EVICTED` as the iterator does. Once for each
   * following. Rejects in a scope of another owner (`CROSS_OWNER`), and in none (`SCOPE_LOST`).
   */
  each(take: (event: AgentEvent) => void | PromiseLike<void>): Promise<void>
  /** Lets go of the run, which goes on. */
  stop(): void
}

/** Whoever has asked for an event. */
export interface Asked {
  resolve(step: IteratorResult<AgentEvent, undefined>): void
  reject(error: unknown): void
}

/** What hands out a run's events. */
interface Followed {
  /** Is given the next event, or told of the end: at once, where there is something to tell. */
  ask(asked: Asked): void
  stop(): void
}

export class FollowedRun implements Following {
  readonly #scope: Scope
  readonly #follower: Followed

  constructor(scope: Scope, follower: Followed) {
    this.#scope = scope
    this.#follower = follower
  }

  each(take: (event: AgentEvent) => void | PromiseLike<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      // Throws where another owner asks, or nobody does.
      void this.#scope.context
      this.#follower.ask(new Taker(this.#follower, take, { resolve, reject }))
    })
  }

  stop(): void {
    this.#follower.stop()
  }
}

/** Asks for the next event when it has passed on the one before. */
class Taker implements Asked {
  readonly #follower: Followed
  readonly #take: (event: AgentEvent) => void | PromiseLike<void>
  readonly #ended: { readonly resolve: () => void; readonly reject: (error: unknown) => void }

  constructor(
    follower: Followed,
    take: (event: AgentEvent) => void | PromiseLike<void>,
    ended: { readonly resolve: () => void; readonly reject: (error: unknown) => void },
  ) {
    this.#follower = follower
    this.#take = take
    this.#ended = ended
  }

  resolve(step: IteratorResult<AgentEvent, undefined>): void {
    if (step.done === true) return this.#ended.resolve()
    try {
      const room = this.#take(step.value)
      if (room === undefined) return this.#follower.ask(this)
      room.then(
        () => this.#follower.ask(this),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  reject(error: unknown): void {
    this.#ended.reject(error)
  }

  #fail(error: unknown): void {
    this.#follower.stop()
    this.#ended.reject(error)
  }
}
