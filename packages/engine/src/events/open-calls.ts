import type { Failure } from '../errors/failure.ts'
import type { EventDraft } from './agent-event.ts'

type OpeningDraft = Extract<
  EventDraft,
  { type: 'tool_executing' | 'subagent_started' | 'approval_requested' }
>

interface OpenCall {
  readonly draft: OpeningDraft
  /** Epoch milliseconds. */
  readonly since: number
}

/** Calls of a run that have begun and not ended, and questions that nobody has answered: every beginning gets its end. */
export class OpenCalls {
  readonly #now: () => number
  readonly #open = new Map<string, OpenCall>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether an event ends what has no beginning: it could not be stored, or has its end already. */
  neverBegan(draft: EventDraft): boolean {
    const closed = closedBy(draft)
    return closed !== undefined && !this.#open.has(closed)
  }

  /** Takes note of an event. Returns how to undo it, where the event is not stored after all. */
  track(draft: EventDraft): () => void {
    const open = this.#open
    if (isOpening(draft)) {
      const key = keyOf(draft)
      open.set(key, { draft, since: this.#now() })
      return () => open.delete(key)
    }
    const closed = closedBy(draft)
    const opening = closed === undefined ? undefined : open.get(closed)
    if (closed === undefined || opening === undefined) return () => undefined
    open.delete(closed)
    return () => open.set(closed, opening)
  }

  /** Ends of whatever is open, as failed, innermost first. */
  close(unfinished: Failure): readonly EventDraft[] {
    if (this.#open.size === 0) return []
    const now = this.#now()
    const closing = [...this.#open.values()]
      .toReversed()
      .map(({ draft, since }) => closeCall(draft, unfinished, now - since))
    this.#open.clear()
    return closing
  }
}

function isOpening(draft: EventDraft): draft is OpeningDraft {
  return (
    draft.type === 'tool_executing' ||
    draft.type === 'subagent_started' ||
    draft.type === 'approval_requested'
  )
}

function keyOf(draft: OpeningDraft): string {
  return draft.type === 'approval_requested' ? draft.data.approvalId : draft.data.callId
}

/** What an event closes, by the key that it is kept under while it is open. */
function closedBy({ type, data }: EventDraft): string | undefined {
  if (type === 'tool_completed' || type === 'subagent_completed') return data.callId
  return type === 'approval_resolved' ? data.approvalId : undefined
}

function closeCall(draft: OpeningDraft, error: Failure, durationMs: number): EventDraft {
  const { agent } = draft
  const { callId } = draft.data
  if (draft.type === 'approval_requested') {
    const { approvalId } = draft.data
    return { type: 'approval_resolved', agent, data: { approvalId, callId, outcome: 'cancelled' } }
  }
  const ended = { callId, ok: false, error, durationMs }
  return draft.type === 'tool_executing'
    ? { type: 'tool_completed', agent, data: { ...ended, tool: draft.data.tool } }
    : { type: 'subagent_completed', agent, data: { ...ended, agent: draft.data.agent } }
}
