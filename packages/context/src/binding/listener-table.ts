/** One bound listener that stands for an original. */
export interface BoundListener<Listener> {
  readonly event: PropertyKey
  readonly listener: Listener
  /** What stands on the emitter in its place. */
  readonly bound: object
  /** Takes it off the emitter, and out of the scope's cleanups. */
  readonly remove: () => void
}

/** Which bound listener stands for which original, so that the original can remove it. */
export class ListenerTable<Listener> {
  readonly #events = new Map<PropertyKey, Set<BoundListener<Listener>>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  events(): readonly PropertyKey[] {
    return [...this.#events.keys()]
  }

  has(event: PropertyKey, listener: Listener): boolean {
    return this.#newest(event, listener) !== undefined
  }

  add(entry: BoundListener<Listener>): void {
    this.#size += 1
    const entries = this.#events.get(entry.event)
    if (entries === undefined) this.#events.set(entry.event, new Set([entry]))
    else entries.add(entry)
  }

  /** Forgets this very registration and removes it. Does nothing the second time. */
  drop(entry: BoundListener<Listener>): void {
    const entries = this.#events.get(entry.event)
    if (entries?.delete(entry) !== true) return
    this.#size -= 1
    if (entries.size === 0) this.#events.delete(entry.event)
    entry.remove()
  }

  /** Drops the newest registration of that listener. False where there is none. */
  dropNewest(event: PropertyKey, listener: Listener): boolean {
    const entry = this.#newest(event, listener)
    if (entry !== undefined) this.drop(entry)
    return entry !== undefined
  }

  /** Drops every listener, or every one of an event. */
  dropAll(event?: PropertyKey): void {
    for (const [name, entries] of this.#events) {
      if (event !== undefined && name !== event) continue
      for (const entry of entries) this.drop(entry)
    }
  }

  /** Drops the listeners of an event that have gone from the emitter. */
  dropWhere(event: PropertyKey, hasGone: (bound: object) => boolean): void {
    for (const entry of this.#events.get(event) ?? []) if (hasGone(entry.bound)) this.drop(entry)
  }

  #newest(event: PropertyKey, listener: Listener): BoundListener<Listener> | undefined {
    let newest: BoundListener<Listener> | undefined
    for (const entry of this.#events.get(event) ?? []) {
      if (entry.listener === listener) newest = entry
    }
    return newest
  }
}
