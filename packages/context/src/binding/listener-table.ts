/** Which bound listener stands for which original, so that the original can remove it. */
export class ListenerTable<Listener> {
  readonly #events = new Map<PropertyKey, { listener: Listener; remove: () => void }[]>()

  has(event: PropertyKey, listener: Listener): boolean {
    return this.#events.get(event)?.some((entry) => entry.listener === listener) ?? false
  }

  add(event: PropertyKey, listener: Listener, remove: () => void): void {
    const entries = this.#events.get(event) ?? []
    entries.push({ listener, remove })
    this.#events.set(event, entries)
  }

  /** Forgets the newest registration of that listener and returns how to remove it. */
  take(event: PropertyKey, listener: Listener): (() => void) | undefined {
    const entries = this.#events.get(event)
    const at = entries?.findLastIndex((entry) => entry.listener === listener) ?? -1
    const taken = at === -1 ? undefined : entries?.splice(at, 1)[0]
    if (entries?.length === 0) this.#events.delete(event)
    return taken?.remove
  }

  /** Removes every listener, or every one of an event. */
  removeAll(event?: PropertyKey): void {
    for (const [name, entries] of this.#events) {
      if (event !== undefined && name !== event) continue
      this.#events.delete(name)
      for (const { remove } of entries) remove()
    }
  }
}
