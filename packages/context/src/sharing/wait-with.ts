/** The outcome of work that others may share, for one who stops waiting when `signal` aborts. */
export function waitWith<Value>(signal: AbortSignal, work: PromiseLike<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    follow(work, new Wait(signal, resolve, reject))
  })
}

// On its own, so that what the work calls back holds the wait and not what made it.
function follow<Value>(work: PromiseLike<Value>, wait: Wait<Value>): void {
  work.then(
    (value) => wait.end()?.resolve(value),
    (error: unknown) => wait.end()?.reject(error),
  )
}

interface Settlement<Value> {
  readonly signal: AbortSignal
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

/** What the work holds of one who waits for it: nothing, once they have left (I5). */
class Wait<Value> {
  #settlement: Settlement<Value> | undefined

  constructor(
    signal: AbortSignal,
    resolve: (value: Value) => void,
    reject: (error: unknown) => void,
  ) {
    this.#settlement = { signal, resolve, reject }
    if (signal.aborted) this.handleEvent()
    else signal.addEventListener('abort', this, { once: true })
  }

  handleEvent(): void {
    const settlement = this.end()
    settlement?.reject(settlement.signal.reason)
  }

  end(): Settlement<Value> | undefined {
    const settlement = this.#settlement
    this.#settlement = undefined
    settlement?.signal.removeEventListener('abort', this)
    return settlement
  }
}
