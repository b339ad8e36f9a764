import type { Pace } from '../pace.ts'

/** The first `most` of the items in the order of `compare`, without sorting all of them. */
export const firstFew = async <Item>(
  items: Iterable<Item>,
  most: number,
  compare: (a: Item, b: Item) => number,
  pace: Pace,
): Promise<Item[]> => {
  const few: Item[] = []
  for (const item of items) {
    if (pace.due()) await pace.turn()
    const last = few[most - 1]
    if (last !== undefined && compare(item, last) >= 0) continue
    let at = few.length
    while (at > 0) {
      const before = few[at - 1]
      if (before === undefined || compare(before, item) <= 0) break
      at -= 1
    }
    few.splice(at, 0, item)
    few.length = Math.min(few.length, most)
  }
  return few
}
