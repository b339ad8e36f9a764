import type { DurableEvent } from '../events/agent-event.ts'
import { jsonLength } from '../internal/json-length.ts'

type Identity = Pick<DurableEvent, 'runId' | 'threadId' | 'requestId' | 'userId' | 'agent'>

/** How many characters the events of one run take as JSON. What they share is written once, and measured once. */
export class EventSizes {
  #shared: { readonly identity: Identity; readonly characters: number } | undefined

  /** Throws what JSON throws for data that it cannot carry. */
  of(event: DurableEvent): number {
    const { type, seq, at, data } = event
    const own = type.length + String(seq).length + at.length + jsonLength(data)
    return own + this.#sharedBy(event)
  }

  #sharedBy(event: DurableEvent): number {
    const known = this.#shared
    if (known !== undefined && isSame(known.identity, event)) return known.characters
    const { runId, threadId, requestId, userId, agent } = event
    const identity = { runId, threadId, requestId, userId, agent }
    const named = { type: '', seq: 0, at: '', runId, threadId, requestId, userId, agent, data: 0 }
    const characters = jsonLength(named) - '00'.length
    this.#shared = { identity, characters }
    return characters
  }
}

function isSame(one: Identity, other: Identity): boolean {
  return (
    one.agent === other.agent &&
    one.runId === other.runId &&
    one.requestId === other.requestId &&
    one.userId === other.userId &&
    one.threadId === other.threadId
  )
}
