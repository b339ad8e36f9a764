/** One thing that is kept for one owner under one key. */
export interface OwnerEntry<Value> {
  readonly owner: string
  readonly key: string
  readonly value: Value
}

/**
 * Values by canonical owner first and then by key (I8), the least recently used ones dropped first: of an owner
 * who has too many, and of all when there are too many in all.
 */
export class OwnerEntries<Value> {
  readonly #max: number
  readonly #maxPerOwner: number
  /** Told once of each value that is kept no longer, whatever the reason. */
  readonly #onRemove: (value: Value) => void
  // A Map keeps the order of insertion; whatever is used is inserted again.
  readonly #all = new Set<OwnerEntry<Value>>()
  readonly #owners = new Map<string, Map<string, OwnerEntry<Value>>>()

  constructor(max: number, maxPerOwner: number, onRemove: (value: Value) => void) {
    this.#max = max
    this.#maxPerOwner = maxPerOwner
    this.#onRemove = onRemove
  }

  get size(): number {
    return this.#all.size
  }

  has(entry: OwnerEntry<Value>): boolean {
    return this.#all.has(entry)
  }

  get(owner: string, key: string): OwnerEntry<Value> | undefined {
    const entry = this.#owners.get(owner)?.get(key)
    if (entry !== undefined) this.#use(entry)
    return entry
  }

  add(owner: string, key: string, value: Value): OwnerEntry<Value> {
    const entry = { owner, key, value }
    this.remove(this.#owners.get(owner)?.get(key))
    this.#use(entry)
    const theirs = this.#owners.get(owner)
    if (theirs !== undefined && theirs.size > this.#maxPerOwner) this.remove(first(theirs.values()))
    if (this.#all.size > this.#max) this.remove(first(this.#all))
    return entry
  }

  /** Removes this very entry; another one that took its place stays. */
  remove(entry: OwnerEntry<Value> | undefined): void {
    if (entry === undefined || !this.#all.delete(entry)) return
    const theirs = this.#owners.get(entry.owner)
    theirs?.delete(entry.key)
    if (theirs?.size === 0) this.#owners.delete(entry.owner)
    this.#onRemove(entry.value)
  }

  removeKey(owner: string, key: string): void {
    this.remove(this.#owners.get(owner)?.get(key))
  }

  removeOwner(owner: string): void {
    for (const entry of this.#owners.get(owner)?.values() ?? []) this.remove(entry)
  }

  #use(entry: OwnerEntry<Value>): void {
    const theirs = this.#owners.get(entry.owner) ?? new Map<string, OwnerEntry<Value>>()
    theirs.delete(entry.key)
    theirs.set(entry.key, entry)
    this.#owners.set(entry.owner, theirs)
    this.#all.delete(entry)
    this.#all.add(entry)
  }
}

function first<Item>(items: Iterable<Item>): Item | undefined {
  for (const item of items) return item
  return undefined
}
