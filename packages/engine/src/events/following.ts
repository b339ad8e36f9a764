import type { Scope } from '@ringfence/context'
import { checkedFunction } from '../internal/checked-option.ts'
import { isPromiseLike } from '../internal/is-promise-like.ts'
import type { AgentEvent } from './agent-event.ts'

/**
 * A run that is followed: each event is handed over, instead of being asked for. Who has many readers holds less for each
 * that waits than with an iterator.
 */
export interface Following {
  /**
   * Calls `take` with each event, in the scope that calls this, one after the other: the next comes when what `take`
   * returned has resolved. Resolves after the terminal event, and when the following is stopped or its scope closes;
   * rejects with what `take` threw, and with `SLOW_FOLLOWER` and `CURSOR_EVICTED` as the iterator does: also while `take` goes
   * on with an event that is not the terminal one. Once for each following, and TypeError after that. Rejects in a scope of
   * another owner (`CROSS_OWNER`), and in none (`SCOPE_LOST`).
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
  /** Calls the listener when nothing more is handed out: at once, where that is so. */
  onStop(listener: () => void): void
}

export class FollowedRun implements Following {
  readonly #scope: Scope
  readonly #follower: Followed
  #taken = false

  constructor(scope: Scope, follower: Followed) {
    this.#scope = scope
    this.#follower = follower
  }

  each(take: (event: AgentEvent) => void | PromiseLike<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      // Throws where another owner asks, or nobody does.
      void this.#scope.context
      checkedFunction('take', take)
      if (this.#taken) throw new TypeError('A following has one taker: follow the run once more')
      this.#taken = true
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
  /** Whether an event is being passed on, and whether one had to be waited for before. */
  #taking = false
  #waited = false

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
      // Whatever it returns that cannot be waited for, as `push` and `write` do, is no reason to wait.
      const room: unknown = this.#take(step.value)
      if (!isPromiseLike(room)) return this.#follower.ask(this)
      this.#taking = true
      if (!this.#waited) this.#follower.onStop(() => this.#goOn())
      this.#waited = true
      room.then(
        () => this.#goOn(),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  reject(error: unknown): void {
    this.#ended.reject(error)
  }

  /** The event is passed on; or nothing more comes, and nobody is waited for any more who still takes one. */
  #goOn(): void {
    if (!this.#taking) return
    this.#taking = false
    this.#follower.ask(this)
  }

  #fail(error: unknown): void {
    this.#taking = false
    this.#follower.stop()
    this.#ended.reject(error)
  }
}
