import type { UiMessageChunk } from './ui-message-chunk.ts'

/** The text or the thought that is being written: one at a time, of one agent. */
export class OpenPart {
  #count = 0
  #open:
    | { readonly kind: 'text' | 'reasoning'; readonly agent: string; readonly id: string }
    | undefined

  /** Goes on with what is open where it is of the same kind and agent, and begins something new otherwise. */
  add(kind: 'text' | 'reasoning', agent: string, delta: string): UiMessageChunk[] {
    if (this.#open?.kind === kind && this.#open.agent === agent) {
      // A thought is a line of its own.
      const more = kind === 'reasoning' ? `\n${delta}` : delta
      return [{ type: `${kind}-delta`, id: this.#open.id, delta: more }]
    }
    const closed = this.close()
    const id = `${kind}-${(this.#count += 1)}`
    this.#open = { kind, agent, id }
    return [...closed, { type: `${kind}-start`, id }, { type: `${kind}-delta`, id, delta }]
  }

  /** Ends what is open. */
  close(): UiMessageChunk[] {
    if (this.#open === undefined) return []
    const { kind, id } = this.#open
    this.#open = undefined
    return [{ type: `${kind}-end`, id }]
  }
}
