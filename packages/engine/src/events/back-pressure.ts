import { runOutside } from '@ringfence/context'
import { checkedLimit } from '../internal/checked-limit.ts'
import { timerMs } from '../internal/timer-ms.ts'

/**
 * What happens when a follower does not keep up with its run. Without a policy it falls behind in the log, and holds
 * up nothing and nobody.
 *
 * - `pause`: the run waits for it. Only what the agent is about to say or begin waits, and only this run.
 * - `coalesce`: pieces of text that it has not read yet reach it as one, whose `seq` is that of the last: what it
 *   resumes after is still the last event that it has seen, and no text is lost.
 * - `drop`: transient events reach it only when it is waiting for them; it never gets an old one.
 * - `disconnect`: it ends with `SLOW_FOLLOWER`, and can come back with the last number that it has seen.
 */
export interface BackPressure {
  readonly policy: 'pause' | 'coalesce' | 'drop' | 'disconnect'
  /** Events that may have been stored since it joined and not been read, for `pause` and `disconnect`. Default 256. */
  readonly behind?: number | undefined
  /** Milliseconds that the run waits for it at a time with `pause`; then it is disconnected. Default 5,000. */
  readonly waitMs?: number | undefined
}

export type ResolvedBackPressure = {
  readonly [Name in keyof BackPressure]-?: NonNullable<BackPressure[Name]>
}

const policies = new Set<string>(['pause', 'coalesce', 'drop', 'disconnect'])
const defaults = { behind: 256, waitMs: 5_000 }

/** The policy with the defaults below it. Throws TypeError. */
export function checkedBackPressure(given: BackPressure): ResolvedBackPressure {
  const { policy, behind = defaults.behind, waitMs = defaults.waitMs } = given
  if (!policies.has(policy)) {
    throw new TypeError(`Expected \`backPressure.policy\` to be one of ${[...policies].join(', ')}`)
  }
  checkedLimit('backPressure.behind', behind, 1)
  checkedLimit('backPressure.waitMs', waitMs, 1)
  return { policy, behind, waitMs }
}

/**
 * How far a follower is behind what was stored since it joined: what it replays from before that is no sign of
 * slowness. Called in whatever scope: it only takes note.
 */
export class FollowerPace {
  readonly #options: ResolvedBackPressure
  readonly #disconnect: () => void
  #read: number
  #newest: number | undefined
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined

  /** `after` is the number of the last event that was read before. */
  constructor(options: ResolvedBackPressure, after: number, disconnect: () => void) {
    this.#options = options
    this.#read = after
    this.#disconnect = disconnect
  }

  /** Something was stored. Returns what whoever stored it is to wait for. */
  stored(first: number, last: number): Promise<void> | undefined {
    this.#read = Math.max(this.#read, this.#newest === undefined ? first - 1 : -1)
    this.#newest = Math.max(last, this.#newest ?? last)
    const { policy } = this.#options
    if (this.#isBehind && policy === 'disconnect') this.#disconnect()
    return this.#isBehind && policy === 'pause' ? this.#untilRoom() : undefined
  }

  /** The follower has read up to here. */
  read(seq: number): void {
    this.#read = Math.max(this.#read, seq)
    if (!this.#isBehind) this.#room?.open()
  }

  /** Nobody waits for it any more. */
  stop(): void {
    this.#newest = undefined
    this.#room?.open()
  }

  get #isBehind(): boolean {
    return this.#newest !== undefined && this.#newest - this.#read > this.#options.behind
  }

  /** One wait for all who write meanwhile, and one timer for it. */
  #untilRoom(): Promise<void> {
    if (this.#room !== undefined) return this.#room.promise
    let open: () => void = () => undefined
    const promise = new Promise<void>((resolve) => {
      const timer = runOutside(() =>
        setTimeout(() => {
          open()
          this.#disconnect()
        }, timerMs(this.#options.waitMs)),
      )
      open = () => {
        clearTimeout(timer)
        this.#room = undefined
        resolve()
      }
    })
    this.#room = { promise, open }
    return promise
  }
}
