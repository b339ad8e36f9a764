/** A pause that may end before its time. */
export class Pause {
  #end: () => void = () => undefined

  /** Waits so long; without a time, until it is ended. */
  wait(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      this.#end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  end(): void {
    this.#end()
  }
}
