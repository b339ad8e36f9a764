/**
 * What comes first is at hand; anything can be taken out again. Adding, taking and removing cost the logarithm
 * of what is in it. No item is in it twice.
 */
export class PriorityQueue<Item> {
  readonly #goesBefore: (one: Item, other: Item) => boolean
  /** A binary heap: no item goes before the one at half its index. */
  readonly #items: Item[] = []
  readonly #indexes = new Map<Item, number>()

  constructor(goesBefore: (one: Item, other: Item) => boolean) {
    this.#goesBefore = goesBefore
  }

  get size(): number {
    return this.#items.length
  }

  get first(): Item | undefined {
    return this.#items[0]
  }

  has(item: Item): boolean {
    return this.#indexes.has(item)
  }

  add(item: Item): void {
    if (this.#indexes.has(item)) return
    this.#items.push(item)
    this.#indexes.set(item, this.#items.length - 1)
    this.#rise(this.#items.length - 1)
  }

  remove(item: Item): void {
    const index = this.#indexes.get(item)
    if (index === undefined) return
    this.#swap(index, this.#items.length - 1)
    this.#items.pop()
    this.#indexes.delete(item)
    this.#sink(index)
    this.#rise(index)
  }

  #rise(from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#precedes(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #sink(from: number): void {
    let index = from
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (this.#precedes(left, least)) least = left
      if (this.#precedes(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #precedes(index: number, other: number): boolean {
    const one = this.#items[index]
    const two = this.#items[other]
    return one !== undefined && two !== undefined && this.#goesBefore(one, two)
  }

  #swap(index: number, other: number): void {
    const one = this.#items[index]
    const two = this.#items[other]
    if (one === undefined || two === undefined || index === other) return
    this.#items[index] = two
    this.#items[other] = one
    this.#indexes.set(two, index)
    this.#indexes.set(one, other)
  }
}
