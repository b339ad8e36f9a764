import { runOutside } from '@ringfence/context'

/** Something that has to be looked at when its time has come. */
export interface Due {
  due(): void
}

/** Whoever waits for it, and how to stop waiting. */
export interface Waiting {
  /** `at` in epoch milliseconds. Returns where it stands, to take it back. */
  add(at: number, due: Due): number
  delete(slot: number, due: Due): void
}

/** One timer for all, or on workerd one for each: there a timer is the request's that set it, and ends with it. */
export function waitingFor(): Waiting {
  const navigator: unknown = Reflect.get(globalThis, 'navigator')
  const onWorkerd =
    typeof navigator === 'object' &&
    navigator !== null &&
    Reflect.get(navigator, 'userAgent') === 'Cloudflare-Workers'
  return onWorkerd ? new OwnTimers() : new DueTimes()
}

const slotMs = 25

/**
 * When what is open has to be looked at: one timer for all of it, since a server has thousands of streams and sockets. They
 * are looked at outside every scope, at most 25 ms late.
 */
export class DueTimes implements Waiting {
  readonly #slots = new Map<number, Set<Due>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #next = Infinity

  /** How many are waited for. */
  get size(): number {
    let size = 0
    for (const slot of this.#slots.values()) size += slot.size
    return size
  }

  add(at: number, due: Due): number {
    const slot = Math.ceil(at / slotMs)
    const beside = this.#slots.get(slot)
    if (beside === undefined) this.#slots.set(slot, new Set([due]))
    else beside.add(due)
    if (slot < this.#next) this.#arm(slot)
    return slot
  }

  delete(slot: number, due: Due): void {
    const beside = this.#slots.get(slot)
    beside?.delete(due)
    if (beside?.size === 0) this.#slots.delete(slot)
    if (this.#slots.size === 0) this.#stop()
  }

  #arm(slot: number): void {
    clearTimeout(this.#timer)
    this.#next = slot
    const delay = Math.min(Math.max(0, slot * slotMs - Date.now()), longestMs)
    this.#timer = runOutside(() => setTimeout(() => this.#look(), delay))
    unref(this.#timer)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#next = Infinity
  }

  #look(): void {
    const now = Math.floor(Date.now() / slotMs)
    const came: Set<Due>[] = []
    let next = Infinity
    for (const [slot, dues] of this.#slots) {
      if (slot > now) {
        next = Math.min(next, slot)
      } else {
        this.#slots.delete(slot)
        came.push(dues)
      }
    }
    this.#stop()
    if (next !== Infinity) this.#arm(next)
    // Last, since each may be added again.
    for (const dues of came) for (const due of dues) due.due()
  }
}

/** The same with a timer for each. */
export class OwnTimers implements Waiting {
  readonly #timers = new Map<Due, ReturnType<typeof setTimeout>>()

  add(at: number, due: Due): number {
    const delay = Math.min(Math.max(0, at - Date.now()), longestMs)
    const timer = runOutside(() =>
      setTimeout(() => {
        this.#timers.delete(due)
        due.due()
      }, delay),
    )
    unref(timer)
    this.#timers.set(due, timer)
    return at
  }

  delete(_slot: number, due: Due): void {
    clearTimeout(this.#timers.get(due))
    this.#timers.delete(due)
  }
}

/** What a timer can hold. */
const longestMs = 2_147_483_647

/** What waits alone must not keep a process alive. Elsewhere than on Node a timer is a number. */
function unref(timer: unknown): void {
  if (typeof timer !== 'object' || timer === null || !('unref' in timer)) return
  if (typeof timer.unref === 'function') timer.unref()
}
