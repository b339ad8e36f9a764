import type { Share } from './share.ts'

/** A place in the queue, then a slot. */
export interface Ticket {
  /** Resolves when the slot is there. Rejects with what `withdraw` was given. */
  readonly granted: Promise<void>
  /** True until the slot is granted or the place is given up. */
  readonly waiting: boolean
  /** From here on it waits for nothing but a slot. Without effect on one that was not entered as held. */
  open(): void
  /** Gives up waiting. Without effect once the slot was granted. */
  withdraw(reason: unknown): void
  /** Keeps the owner's slot charged until this settles: for work that did not stop when it was told to (I9). */
  charge(until: Promise<unknown>): void
  /** Gives the shared slot back while the work waits for a person. The owner's stays taken. */
  pause(): void
  /** Resolves when there is a shared slot again. Rejects with what `withdraw` was given meanwhile. */
  resume(): Promise<void>
  /** The work is over: the shared slot is free at once, the owner's when nothing is charged to it any more. */
  release(): void
}

/** What a place needs of its scheduler. */
export interface PlaceKeeper {
  opened(place: Place): void
  withdrawn(place: Place): void
  /** Takes the shared slot back. False where as many have done so as may. */
  paused(place: Place): boolean
  /** Wants a shared slot again. True where there is one at once; otherwise the place is `returned` to later. */
  resumed(place: Place): boolean
  /** Wants none any more. */
  stayed(place: Place): void
  /** Ended without a shared slot. */
  endedPaused(place: Place): void
  /** The work is over: the shared slot is free. */
  released(place: Place): void
  /** Nothing of it runs any more: the owner's slot is free. Always followed by `serve`. */
  discharged(place: Place): void
  /** Slots may have become free. */
  serve(): void
}

type State = 'held' | 'waiting' | 'granted' | 'over'

/** A ticket as the scheduler sees it. */
export class Place implements Ticket {
  readonly share: Share
  /** Counts up over all owners. */
  readonly arrival: number
  readonly onPosition: (position: number) => void
  /** The position that was told last. */
  told = 0
  readonly #keeper: PlaceKeeper
  #state: State
  /** Whether the shared slot was given back. */
  #paused = false
  #return:
    | { readonly promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void }
    | undefined
  /** What keeps the owner's slot taken: the work itself, and what it left running. */
  #holders = 1
  /** Made when somebody waits for the slot: most get theirs at once. */
  #granted: Promise<void> | undefined
  #resolve: () => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined
  #withdrawn: { readonly reason: unknown } | undefined

  constructor(
    keeper: PlaceKeeper,
    share: Share,
    arrival: number,
    held: boolean,
    onPosition: (position: number) => void,
  ) {
    this.#keeper = keeper
    this.share = share
    this.arrival = arrival
    this.#state = held ? 'held' : 'waiting'
    this.onPosition = onPosition
  }

  get granted(): Promise<void> {
    this.#granted ??= this.#outcome()
    this.#granted.catch(() => undefined)
    return this.#granted
  }

  #outcome(): Promise<void> {
    if (this.#withdrawn !== undefined) return Promise.reject(this.#withdrawn.reason)
    if (!this.waiting) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get waiting(): boolean {
    return this.#state === 'held' || this.#state === 'waiting'
  }

  /** Hands over the slot by resolving a promise, never by calling: nobody's work runs in somebody else's scope. */
  grant(): void {
    this.#state = 'granted'
    this.#resolve()
  }

  open(): void {
    if (this.#state !== 'held') return
    this.#state = 'waiting'
    this.#keeper.opened(this)
  }

  pause(): void {
    if (this.#state !== 'granted') return
    if (!this.#paused) this.#paused = this.#keeper.paused(this)
    else this.#stopReturning()?.resolve()
  }

  resume(): Promise<void> {
    if (this.#state !== 'granted' || !this.#paused) return Promise.resolve()
    if (this.#return !== undefined) return this.#return.promise
    if (this.#keeper.resumed(this)) {
      this.#paused = false
      return Promise.resolve()
    }
    let resolve: () => void = () => undefined
    let reject: (reason: unknown) => void = () => undefined
    const promise = new Promise<void>((fulfil, refuse) => {
      resolve = fulfil
      reject = refuse
    })
    promise.catch(() => undefined)
    this.#return = { promise, resolve, reject }
    return promise
  }

  /** There is a shared slot again. */
  returned(): void {
    const back = this.#return
    this.#return = undefined
    this.#paused = false
    back?.resolve()
  }

  withdraw(reason: unknown): void {
    this.#stopReturning()?.reject(reason)
    if (!this.waiting) return
    this.#state = 'over'
    this.#withdrawn = { reason }
    this.#keeper.withdrawn(this)
    this.#reject(reason)
  }

  charge(until: Promise<unknown>): void {
    if (this.#state !== 'granted') return
    this.#holders += 1
    const letGo = (): void => this.#letGo()
    until.then(letGo, letGo)
  }

  release(): void {
    if (this.#state !== 'granted') return
    this.#state = 'over'
    this.#stopReturning()?.resolve()
    if (this.#paused) this.#keeper.endedPaused(this)
    else this.#keeper.released(this)
    this.#letGo()
  }

  #stopReturning(): { resolve: () => void; reject: (reason: unknown) => void } | undefined {
    const back = this.#return
    if (back === undefined) return undefined
    this.#return = undefined
    this.#keeper.stayed(this)
    return back
  }

  #letGo(): void {
    this.#holders -= 1
    if (this.#holders === 0) this.#keeper.discharged(this)
    this.#keeper.serve()
  }
}
