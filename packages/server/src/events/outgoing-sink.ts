import type { ServerResponse } from 'node:http'
import type { EventSink } from './event-sink.ts'

/** A stream that is written to a connection of Node, with no body in between. There is room until Node says otherwise. */
export class OutgoingSink implements EventSink {
  readonly #outgoing: ServerResponse
  #fullSince: number | undefined
  #room: Promise<void> | undefined

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
  }

  get fullSince(): number | undefined {
    return this.#fullSince
  }

  write(text: string): Promise<void> | undefined {
    if (this.#outgoing.write(text)) return undefined
    this.#fullSince ??= Date.now()
    this.#room ??= new Promise((resolve) => {
      this.#outgoing.once('drain', () => {
        this.#room = this.#fullSince = undefined
        resolve()
      })
    })
    return this.#room
  }

  /** An end that its client does not see is none: the answer stays one that was cut off. */
  close(): void {
    if (!this.#outgoing.destroyed) this.#outgoing.end()
  }
}
