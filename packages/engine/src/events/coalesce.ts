import type { DurableEvent } from './agent-event.ts'

/** Characters that pieces of text may grow to. */
const longest = 65_536

/**
 * The first of these events with those after it that continue it: pieces of text of one agent, or of one step of its
 * thinking. What comes out is the last of them with the text of all. Says how many it took.
 */
export function coalesce(
  events: readonly DurableEvent[],
  from: number,
): { readonly event: DurableEvent; readonly count: number } | undefined {
  const first = events[from]
  if (first === undefined) return undefined
  let event = first
  let count = 1
  for (;;) {
    const next = events[from + count]
    const merged = next === undefined ? undefined : merge(event, next)
    if (merged === undefined) return { event, count }
    event = merged
    count += 1
  }
}

function merge(one: DurableEvent, next: DurableEvent): DurableEvent | undefined {
  if (one.agent !== next.agent) return undefined
  if (one.type === 'agent_text' && next.type === 'agent_text') {
    const delta = one.data.delta + next.data.delta
    if (delta.length > longest) return undefined
    return Object.freeze({ ...next, data: Object.freeze({ delta }) })
  }
  if (one.type !== 'agent_thinking' || next.type !== 'agent_thinking') return undefined
  const { step } = next.data
  const text = one.data.text + next.data.text
  if (one.data.step !== step || text.length > longest) return undefined
  return Object.freeze({ ...next, data: Object.freeze({ text, step }) })
}
