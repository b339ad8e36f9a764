/**
 * A promise that knows whether anybody asked for its outcome, so that a failure nobody looked at can fail
 * the scope instead of getting lost. Derived promises are plain ones.
 */
export class Task<Result> extends Promise<Result> {
  observed = false

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // oxlint-disable-next-line unicorn/no-thenable -- this is a promise
  override then<Next = Result, Caught = never>(
    onFulfilled?: ((value: Result) => Next | PromiseLike<Next>) | null,
    onRejected?: ((reason: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Next | Caught> {
    this.observed = true
    return super.then(onFulfilled, onRejected)
  }

  /** Resolves when the task has ended, however. Does not count as asking for its outcome. */
  ended(onEnd: (failure: { readonly error: unknown } | undefined) => void): Promise<void> {
    return super.then(
      () => onEnd(undefined),
      (error: unknown) => onEnd({ error }),
    )
  }
}
