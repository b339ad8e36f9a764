/** A stream of pseudo-random numbers that its seed fixes (mulberry32); not for secrets. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number
  /** A whole number between two bounds, both included. */
  between(low: number, high: number): number
  /** One of the items, each as likely as its weight. */
  pick<Item extends { readonly weight: number }>(items: readonly Item[]): Item
}

/** Makes the stream of a seed, of which 32 bits count. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick(items) {
      const total = items.reduce((sum, item) => sum + item.weight, 0)
      let left = next() * total
      for (const item of items) {
        left -= item.weight
        if (left < 0) return item
      }
      const last = items.at(-1)
      if (last === undefined) throw new RangeError('Expected at least one item to pick from')
      return last
    },
  }
}
