import { isDurable, type AgentEvent } from '@ringfence/engine'
import { eventId } from './event-id.ts'

/** An event as `text/event-stream` has it. What is not replayed has no id: it must not move the cursor. */
export function encodeEvent(event: AgentEvent): string {
  const id = isDurable(event) ? `id: ${eventId(event.runId, event.seq)}\n` : ''
  return `${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
