import { timerMs } from '../../internal/timer-ms.ts'

/** How long connecting may take: until its deadline, or until the connection's own scope is over. */
export class ConnectPatience {
  readonly #controller = new AbortController()
  readonly #stop: () => void

  constructor(over: AbortSignal, ms: number) {
    const controller = this.#controller
    const giveUp = (): void => controller.abort(over.reason)
    const timer = setTimeout(
      () => controller.abort(new Error(`Connecting took more than ${ms} ms`)),
      timerMs(ms),
    )
    if (over.aborted) giveUp()
    else over.addEventListener('abort', giveUp, { once: true })
    this.#stop = () => {
      clearTimeout(timer)
      over.removeEventListener('abort', giveUp)
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    this.#stop()
  }

  /** What does not come in time is given up, whether it listens or not; where it comes later, it is undone. */
  wait<Value>(promise: PromiseLike<Value>, undo?: (late: Value) => unknown): Promise<Value> {
    const { signal } = this
    const settled = Promise.resolve(promise)
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(signal.reason)
        settled.then(undo, () => undefined).catch(() => undefined)
      }
      const forget = (): void => signal.removeEventListener('abort', giveUp)
      if (signal.aborted) giveUp()
      else signal.addEventListener('abort', giveUp, { once: true })
      settled.then(resolve, reject).finally(forget)
    })
  }
}
