/** Times as they are written: ISO 8601, UTC. What all times of one second begin with is written once. */
export class WrittenTimes {
  #second = Number.NaN
  #beginning = ''
  #newest: { readonly ms: number; readonly text: string } | undefined

  /** Several events have the same time. Throws RangeError for what is no time. */
  of(ms: number): string {
    if (this.#newest?.ms !== ms) this.#newest = { ms, text: this.#write(ms) }
    return this.#newest.text
  }

  #write(ms: number): string {
    if (!Number.isInteger(ms)) return new Date(ms).toISOString()
    const second = Math.floor(ms / 1_000)
    if (second !== this.#second) {
      this.#beginning = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length)
      this.#second = second
    }
    const rest = ms - second * 1_000
    return `${this.#beginning}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
  }
}
