import type { TransientEvent } from './agent-event.ts'

/** Kinds of them that are kept for a follower. */
const mostKinds = 16

/** The newest transient event of each kind, until a follower takes it. */
export class NewestTransient {
  readonly #events = new Map<string, TransientEvent>()

  add(event: TransientEvent): void {
    const key = keyOf(event)
    this.#events.delete(key)
    this.#events.set(key, event)
    const [oldest] = this.#events.keys()
    if (this.#events.size > mostKinds && oldest !== undefined) this.#events.delete(oldest)
  }

  /** The run has left the queue, whatever place in it was to be shown. */
  forgetPosition(): void {
    this.#events.delete('queue_position')
  }

  take(): TransientEvent | undefined {
    const [first] = this.#events
    if (first === undefined) return undefined
    this.#events.delete(first[0])
    return first[1]
  }
}

/** Of each kind the newest is shown; the progress of each call is one kind. */
function keyOf(event: TransientEvent): string {
  return event.type === 'agent_progress' ? `${event.type} ${event.data.callId ?? ''}` : event.type
}
