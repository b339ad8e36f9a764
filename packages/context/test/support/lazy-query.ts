/** Starts when it is awaited, each time, as the query builders of several databases do. */
export class LazyQuery<Value> implements PromiseLike<Value> {
  readonly #load: () => Value

  constructor(load: () => Value) {
    this.#load = load
  }

  // oxlint-disable-next-line unicorn/no-thenable -- the point
  then<Next = Value, Caught = never>(
    onFulfilled?: ((value: Value) => Next | PromiseLike<Next>) | null,
    onRejected?: ((reason: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Next | Caught> {
    return new Promise<Value>((resolve) => resolve(this.#load())).then(onFulfilled, onRejected)
  }
}
